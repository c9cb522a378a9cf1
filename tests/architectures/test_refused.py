"""Models that cannot be fine-tuned as they are get refused: other kinds when planned, files with gaps when loaded."""

import json
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from ftctl.errors import ModelMismatch
from ftctl_adapters.modeling.intake import LocalModelIntake, model_shape
from ftctl_adapters.modeling.load import load_base
from ftctl_adapters.modeling.logit_path import logits_are_plain
from ftctl_adapters.modeling.model_kind import refuse_other_kinds
from ftctl_adapters.modeling.reached_weights import adapted_weights, reached_by
from ftctl_adapters.modeling.view import make_view
from ftctl_plugins.tuners.freeze import FreezeOptions, FreezeTuner
from ftctl_plugins.tuners.lora import LoraOptions, LoraTuner
from tests.architectures.tiny_models import make_model

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.heavy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_model("Qwen3").save_pretrained(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"model_type": "bert", "architectures": ["BertForMaskedLM"]}, "fills in masked tokens"),
        ({"model_type": "bert", "architectures": ["BertLMHeadModel"]}, "is an encoder"),
        ({"model_type": "xlm-roberta", "architectures": ["XLMRobertaModel"]}, "is an encoder"),
        ({"model_type": "t5", "architectures": ["T5ForConditionalGeneration"], "is_encoder_decoder": True}, "decoder"),
        ({"model_type": "qwen3", "architectures": ["Qwen3ForSequenceClassification"]}, "classifies texts"),
        ({"model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"], "text_config": {},
          "vision_config": {}}, "takes vision input"),
        ({"model_type": "qwen2_5_vl", "architectures": ["Qwen2_5_VLForConditionalGeneration"], "text_config": {}},
         "takes more than text input"),
    ],
)  # fmt: skip
def test_models_of_other_kinds_are_refused_by_name(config: dict[str, Any], reason: str) -> None:
    with pytest.raises(ModelMismatch, match=reason) as caught:
        refuse_other_kinds(config, "acme/model")
    assert "acme/model" in caught.value.what
    assert config["architectures"][0] in caught.value.what


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "llama", "architectures": ["LlamaForCausalLM"]},
        {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]},
        {"model_type": "bert", "architectures": ["BertLMHeadModel"], "is_decoder": True},
    ],
)
def test_decoders_of_text_are_taken(config: dict[str, Any]) -> None:
    refuse_other_kinds(config, "acme/model")


def test_an_encoder_is_refused_when_planned(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"is_encoder_decoder": True}))
    with pytest.raises(ModelMismatch, match="is an encoder-decoder"):
        LocalModelIntake().look(str(folder), None)


@pytest.mark.parametrize("lost", ["model.layers.1.mlp.up_proj.weight", "lm_head.weight"])
def test_weights_with_a_gap_are_refused_and_not_made_up(folder: Path, lost: str) -> None:
    tensors = load_file(folder / "model.safetensors")
    del tensors[lost]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelMismatch, match=f"lack {lost}"):
        load_base(str(folder), False)


def test_a_tied_head_is_no_gap(tmp_path: Path) -> None:
    make_model("Qwen2").save_pretrained(tmp_path)
    assert "lm_head.weight" not in load_file(tmp_path / "model.safetensors")
    assert logits_are_plain(load_base(str(tmp_path), False))


@pytest.mark.parametrize("name", ["Gemma 2", "Granite", "Falcon-H1", "RecurrentGemma", "Cohere 2"])
def test_logits_that_are_capped_or_scaled_are_found_out(name: str) -> None:
    assert not logits_are_plain(make_model(name))


def test_older_names_of_sizes_are_read(tmp_path: Path) -> None:
    make_model("GPT-2").save_pretrained(tmp_path)
    shape = model_shape(make_view(tmp_path))
    assert (shape.hidden_size, shape.layers, shape.heads, shape.max_positions) == (64, 2, 4, 512)
    lora = LoraTuner(LoraOptions(rank=4))
    adapter = lora.adapt(load_base(str(tmp_path), False))
    assert lora.trained(shape) == sum(p.numel() for p in adapter.parameters() if p.requires_grad)
    frozen = FreezeTuner(FreezeOptions(trainable_layers=1))
    tuned = frozen.adapt(load_base(str(tmp_path), False))
    trained = {name for name, p in tuned.named_parameters() if p.requires_grad}
    assert frozen.trained(shape) == sum(p.numel() for p in tuned.parameters() if p.requires_grad)
    assert trained
    assert all(".h.1." in name for name in trained)


def test_experts_are_reached_by_name(tmp_path: Path) -> None:
    make_model("gpt-oss").save_pretrained(tmp_path)
    named = ("mlp.experts.gate_up_proj", "mlp.experts.down_proj")
    model = LoraTuner(LoraOptions(rank=4, target_parameters=named)).adapt(load_base(str(tmp_path), False))
    reached = reached_by(model, adapted_weights(model))
    shape = model_shape(make_view(tmp_path))
    planned = LoraTuner(LoraOptions(rank=4, target_parameters=named)).trained(shape)
    assert planned == sum(part.numel() for part in model.parameters() if part.requires_grad)
    assert reached.share > 0.98, "all but routers"
    assert all("router" in name for name in reached.passed_over)
