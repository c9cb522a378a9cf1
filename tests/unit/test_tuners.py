"""Every tuner learns, counts what it trains, leaves the base alone, and is the same model after saving and loading."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ftctl.domain.artifact import Artifact
from ftctl.domain.event import STEP_FINISHED, TRAINING_FINISHED
from ftctl.domain.format import BOTTLENECK, HF, PEFT_ADAPTER, PEFT_PROMPT
from ftctl.errors import ConfigInvalid
from ftctl.plugin.offer import load
from ftctl.ports.context import StageContext
from ftctl_adapters.modeling.batch import collate
from ftctl_adapters.modeling.intake import LocalModelIntake
from ftctl_adapters.modeling.load import load_whole
from ftctl_plugins.objectives.pt import PretrainingObjective, PretrainingOptions
from ftctl_plugins.tuners.manifest import ftctl_offers
from tests.functional.small import PHRASES
from tests.unit.test_training import SFT, TINY, rows

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.heavy

OFFERS = {offer.name: offer for offer in ftctl_offers()}
SETTINGS: dict[str, dict[str, Any]] = {
    "lora": {"rank": 4},
    "lora-dora": {"rank": 4, "use_dora": True},
    "lora-rslora": {"rank": 4, "use_rslora": True},
    "lora-pissa": {"rank": 4, "init_lora_weights": "pissa"},
    "lora-olora": {"rank": 4, "init_lora_weights": "olora"},
    "lora-gaussian": {"rank": 4, "init_lora_weights": "gaussian"},
    "lora-whole-head": {"rank": 4, "modules_to_save": ("norm",)},
    "qlora": {"rank": 4, "bnb_4bit_compute_dtype": "float32", "bf16": None},
    "full": {"learning_rate": 1e-3},
    "freeze": {"trainable_layers": 1, "trainable_modules": ("model.norm",), "learning_rate": 1e-3},
    "ia3": {"learning_rate": 3e-2},
    "adapter": {"bottleneck_size": 8},
    "adapter-pfeiffer": {"bottleneck_size": 8, "placement": "pfeiffer"},
    "prefix": {"num_virtual_tokens": 6},
    "prefix-projected": {"num_virtual_tokens": 6, "prefix_projection": True, "encoder_hidden_size": 32},
    "prompt": {"num_virtual_tokens": 6, "learning_rate": 3e-2},
    "prompt-text": {"num_virtual_tokens": 6, "prompt_tuning_init_text": "Translate.", "learning_rate": 3e-2},
    "p-tuning": {"num_virtual_tokens": 6, "encoder_hidden_size": 32},
}
COMMON = {
    "bf16": False,
    "max_length": 256,
    "max_steps": 15,
    "per_device_train_batch_size": 8,
    "logging_steps": 1,
    "learning_rate": 1e-2,
    "load_best_model_at_end": False,
}


def tuner(name: str, **changed: Any) -> Any:
    offer = OFFERS[name if name in OFFERS else name.partition("-")[0]]
    return load(offer.factory)(load(offer.options)(**{**COMMON, **SETTINGS[name], **changed}))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """Forty phrases to train on, and four to look at."""
    folder = tmp_path_factory.mktemp("data")
    lines = PHRASES.read_text(encoding="utf-8").splitlines()
    for split, chosen in (("train", lines[:40]), ("validation", lines[40:44])):
        with (folder / f"{split}.jsonl").open("w", encoding="utf-8") as out:
            for number, line in enumerate(chosen):
                turns = [
                    {
                        "role": {"human": "user", "gpt": "assistant"}.get(turn["from"], "system"),
                        "content": turn["value"],
                    }
                    for turn in json.loads(line)["conversations"]
                ]
                out.write(json.dumps({"where": f"{split}:{number}", "messages": turns}) + "\n")
    return Artifact("dataset", "jsonl", "d" * 64, str(folder), {"splits": {"train": 40, "validation": 4, "test": 0}})


def digest(folder: Path) -> str:
    return hashlib.sha256(
        b"".join(path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file())
    ).hexdigest()


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory, data: Artifact) -> Artifact:
    """The same, as raw text."""
    folder = tmp_path_factory.mktemp("texts")
    for path in Path(data.path).iterdir():
        found = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        raw = [{"where": row["where"], "text": "\n".join(t["content"] for t in row["messages"])} for row in found]
        (folder / path.name).write_text("\n".join(map(json.dumps, raw)), encoding="utf-8")
    return Artifact("dataset", "jsonl", "e" * 64, str(folder), data.facts)


OBJECTIVES = {"sft": SFT, "pt": PretrainingObjective(PretrainingOptions())}
TABLE = [(name, "pt" if name in OFFERS else "sft") for name in SETTINGS]
"""Tuners with their defaults keep their contract on ``sft``."""


@pytest.mark.parametrize(("name", "objective"), TABLE)
def test_a_tuner_learns_and_is_the_same_after_saving(
    name: str,
    objective: str,
    data: Artifact,
    texts: Artifact,
    context: StageContext,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    facts = {"max_length": 1024, "tokenizer": "t", "chat_template": "c"}
    base, before, kept = Artifact("model", HF, "b" * 64, TINY, facts), digest(Path(TINY)), []
    chosen = tuner(name)
    save = chosen.save

    def saving(tuned: Any, out: Path) -> None:
        kept.append(_logits(tuned.eval()))
        trained = sum(p.numel() for p in tuned.parameters() if p.requires_grad)
        assert chosen.plan(LocalModelIntake().look("builtin:tiny", None).shape, 40).trained_parameters == trained
        save(tuned, out)

    monkeypatch.setattr(chosen, "save", saving)
    draft = chosen.tune(base, {"sft": data, "pt": texts}[objective], OBJECTIVES[objective], context)
    losses = [told["loss"] for kind, told in context.settings["events"] if kind == STEP_FINISHED and "loss" in told]
    assert sum(losses[-5:]) < 0.98 * sum(losses[:5]), "the same forty rows, two epochs later"
    assert [kind for kind, _ in context.settings["events"]].count(TRAINING_FINISHED) == 1
    assert digest(Path(TINY)) == before
    again = load_whole(Artifact(draft.kind, draft.format, "a" * 64, str(context.out), {}, base), bf16=False)
    if name == "qlora":
        again = _on_four_bits(context.out)
    assert torch.allclose(_logits(again), kept[0], atol=2e-4, rtol=1e-3)
    promised = chosen.adapter_config()
    if promised:
        saved = json.loads((context.out / "adapter_config.json").read_text())
        assert {key: saved[key] for key in promised} == promised, "what a server was asked about when planned"
    assert bool(promised) == (draft.format == PEFT_ADAPTER)


def _on_four_bits(adapter: Path) -> Any:
    """On the base that it was trained on; on the base as it is stored the logits differ by the quantisation."""
    from peft import PeftModel

    return PeftModel.from_pretrained(tuner("qlora").load(TINY), str(adapter)).eval()


def _logits(model: Any) -> Any:
    batch = collate(rows(3), 0)
    with torch.inference_mode():
        return model(input_ids=batch.ids, attention_mask=batch.mask).logits[:, -5:]


@pytest.mark.parametrize(
    "name", [n for n in SETTINGS if OFFERS.get(n) and OFFERS[n].produces[0] in (PEFT_ADAPTER, PEFT_PROMPT)]
)
def test_what_peft_made_opens_in_plain_peft(name: str, tmp_path: Path) -> None:
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    chosen = tuner(name)
    tuned = chosen.adapt(chosen.load(TINY)).eval()
    chosen.save(tuned, tmp_path)
    plain = AutoModelForCausalLM.from_pretrained(TINY, dtype=torch.float32)
    again = PeftModel.from_pretrained(plain, str(tmp_path)).eval()
    assert _logits(again).shape == _logits(tuned).shape
    if name != "qlora":
        assert torch.allclose(_logits(again), _logits(tuned), atol=1e-4)
    assert "/" not in (tmp_path / "adapter_config.json").read_text().replace("peft_type", "")


@pytest.mark.parametrize(
    ("name", "changed", "said"),
    [
        ("full", {"fp16": True}, "tuner.fp16: weights themselves"),
        ("lora", {"fp16": True, "bf16": True}, "tuner.fp16: bf16 is on too"),
        ("prefix", {"gradient_checkpointing": True}, "tuner.gradient_checkpointing: cannot be used with virtual"),
        ("prompt", {"packing": True}, "tuner.packing: cannot be used with virtual"),
        ("qlora", {"bf16": True}, "tuner.bf16, tuner.fp16"),
        ("qlora", {"init_lora_weights": "pissa"}, "needs a base in full width"),
        ("lora", {"rank": 9999}, "tuner.rank: must be at most"),
        ("lora", {"target_modules": "nosuch"}, "matches no layer"),
        ("lora", {"modules_to_save": ("nosuch",)}, "tuner.modules_to_save: 'nosuch'"),
        ("lora", {"target_modules": "q_proj,lm_head"}, "'lm_head' is embedding and head at once"),
        ("freeze", {"trainable_layers": 99}, "the model has 4 layers, not 99"),
        ("freeze", {"trainable_modules": ("nosuch",)}, "'nosuch' is in no parameter's name"),
        ("freeze", {"trainable_layers": 0, "trainable_modules": ()}, "nothing would be trained"),
        ("ia3", {"target_modules": ("nosuch",)}, "no layer is named"),
    ],
)
def test_options_that_do_not_fit_the_model_are_refused_when_planned(name: str, changed: Any, said: str) -> None:
    shape = LocalModelIntake().look("builtin:tiny", None).shape
    with pytest.raises(ConfigInvalid) as caught:
        tuner(name, **changed).plan(shape, 40)
    assert said in caught.value.what


def test_formats_say_what_can_be_merged() -> None:
    made = {name: offer.produces[0] for name, offer in OFFERS.items()}
    assert {name for name, form in made.items() if form == PEFT_PROMPT} == {"prefix", "prompt", "p-tuning"}
    assert made["adapter"] == BOTTLENECK


@pytest.mark.parametrize(
    "given", [{"lora_dropout": 0.1}, {"use_dora": True}, {"init_lora_weights": "pissa"}, {"init_lora_weights": "olora"}]
)
def test_what_peft_lacks_beside_experts_is_refused_when_planned(given: dict[str, Any]) -> None:
    shape = LocalModelIntake().look("builtin:tiny", None).shape
    experts = {f"model.layers.0.mlp.experts.0.{name}_proj.weight": (32, 32) for name in ("gate", "up", "down")}
    mixture = evolve(shape, architecture="Qwen3MoeForCausalLM", tensors=shape.tensors | experts)
    layers = {"target_modules": "q_proj,v_proj"}
    with pytest.raises(ConfigInvalid, match=f"tuner.{next(iter(given))}: is for layers alone, and experts are tensors"):
        tuner("lora", **given).plan(mixture, 40)
    tuner("lora", **given, **layers).plan(mixture, 40)
    tuner("lora", **given).plan(shape, 40)
