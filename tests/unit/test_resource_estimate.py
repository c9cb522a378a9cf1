"""Planned memory: what the page on performance quotes, and how it follows the options."""

import re
from pathlib import Path

import pytest
from attrs import evolve

from ftctl.domain.resources import ModelShape
from ftctl_plugins.tuners.full import FullOptions, FullTuner
from ftctl_plugins.tuners.lora import LoraOptions, LoraTuner
from ftctl_plugins.tuners.qlora import QloraOptions, QloraTuner

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
TUNERS = {"lora": (LoraTuner, LoraOptions), "full": (FullTuner, FullOptions), "qlora": (QloraTuner, QloraOptions)}


def shape() -> ModelShape:
    """The model of the benchmark: a Qwen2 of 8 layers whose head is its embedding."""
    layer = {
        **{f"self_attn.{name}_proj.weight": (512, 512) for name in "qo"},
        **{f"self_attn.{name}_proj.weight": (128, 512) for name in "kv"},
        "self_attn.q_proj.bias": (512,),
        "self_attn.k_proj.bias": (128,),
        "self_attn.v_proj.bias": (128,),
        **{f"mlp.{name}_proj.weight": (1536, 512) for name in ("gate", "up")},
        "mlp.down_proj.weight": (512, 1536),
        "input_layernorm.weight": (512,),
        "post_attention_layernorm.weight": (512,),
    }
    tensors = {f"model.layers.{n}.{name}": size for n in range(8) for name, size in layer.items()}
    tensors |= {"model.embed_tokens.weight": (65536, 512), "model.norm.weight": (512,)}
    made = ModelShape("Qwen2ForCausalLM", 0, 0, 512, 8, 65536, 4096, "bfloat16", tensors, 8)
    count = made.count(lambda name: True)
    return ModelShape("Qwen2ForCausalLM", count, 2 * count, 512, 8, 65536, 4096, "bfloat16", tensors, 8)


def planned(use: str, architecture: str = "Qwen2ForCausalLM", **options: object) -> float:
    """Megabytes of the training phase."""
    tuner, kind = TUNERS[use]
    made = kind(**{"max_length": 512, "packing": True, **options})
    return tuner(made).plan(evolve(shape(), architecture=architecture), 256).memory["train"] / 1e6  # type: ignore[arg-type]


ROW = r"^\| (lora|full|qlora) \| (\d) \| (\w+|4 bits) \| ([\d,]+) MB \| ([\d,]+) MB"
QUOTED = re.findall(ROW, PAGE.read_text(), re.MULTILINE)


@pytest.mark.parametrize(("use", "batch", "dtype", "quoted", "measured"), QUOTED)
def test_the_plan_is_what_the_page_quotes_and_near_what_was_measured(
    use: str, batch: str, dtype: str, quoted: str, measured: str
) -> None:
    wide = {"bf16": False} if dtype == "fp32" else {}
    found = planned(use, per_device_train_batch_size=int(batch), **wide)
    assert abs(found - float(quoted.replace(",", ""))) < 2
    assert abs(found / float(measured.replace(",", "")) - 1) < 0.15


def test_every_tuner_is_quoted() -> None:
    assert {use for use, *_ in QUOTED} == set(TUNERS)
    assert len(QUOTED) == 9


def test_the_plan_follows_the_options() -> None:
    plain = planned("lora")
    assert planned("lora", gradient_checkpointing=True) < plain
    assert planned("lora", max_length=256) < plain
    assert plain - planned("lora", lora_dropout=0.1) > 90, "layers with dropout keep no second and third layout"
    assert planned("lora", packing=False) == plain
    assert planned("lora", engine="fsdp") < plain, "with sharded weights there is no other layout"
    other = planned("lora", "GemmaForCausalLM")
    assert planned("lora", "GemmaForCausalLM", packing=False) < other, "texts that are masked from each other"
    assert planned("full", optim="sgd") < planned("full", optim="adamw_8bit") < planned("full")
