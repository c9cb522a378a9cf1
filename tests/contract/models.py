"""Models for contracts."""

from pathlib import Path
from typing import Any

from ftctl.domain.artifact import Artifact
from ftctl.domain.format import HF, PEFT_ADAPTER
from ftctl_adapters.modeling.load import load_base
from ftctl_adapters.modeling.reference import BUILTIN

TINY = str(BUILTIN["builtin:tiny"])


def fake_model(folder: Path) -> Artifact:
    """What the fakes take for a model."""
    place = folder / "model"
    place.mkdir()
    for name in ("base.txt", "tokenizer.json", "chat_template.jinja"):
        (place / name).write_text(f"the {name}")
    return Artifact("model", HF, "d" * 64, str(place))


def adapted(folder: Path, scale: float = 0.02, **config: Any) -> Artifact:
    """An adapter with random weights of this size on the tiny model, whose embedding is its head."""
    import torch
    from peft import LoraConfig, get_peft_model

    model = load_base(TINY, None)
    torch.manual_seed(3)
    peft = get_peft_model(model, LoraConfig(**{"r": 4, "target_modules": "all-linear", **config}))
    with torch.no_grad():
        for name, parameter in peft.named_parameters():
            if parameter.requires_grad and "lora_" in name:
                parameter.normal_(std=scale)
    peft.save_pretrained(folder / "adapter")
    whole = Artifact("model", HF, "b" * 64, TINY)
    return Artifact("adapter", PEFT_ADAPTER, "a" * 64, str(folder / "adapter"), {}, whole)
