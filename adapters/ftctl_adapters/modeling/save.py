"""Writes models and adapters in the ecosystem's own formats, with the same bytes for the same weights."""

import json
from pathlib import Path
from typing import Any

from ftctl.errors import ModelUnsafe


def save_model(model: Any, out: Path) -> None:
    """``model.safetensors`` and ``config.json``, as plain transformers loads them.

    Raises:
        ModelUnsafe: a weight is not finite.
    """
    refuse_not_finite(model.named_parameters())
    model.save_pretrained(out, safe_serialization=True)
    (out / "README.md").unlink(missing_ok=True)


def save_adapter(model: Any, out: Path, started_from: str | None = None) -> None:
    """``adapter_model.safetensors`` and ``adapter_config.json``, as plain PEFT loads them.

    PEFT keeps target modules in a set and folders by path; both are made the same on every machine. An adapter that
    ``started_from`` the base weights is saved as the difference to that start, for the base as it is stored.
    """
    refuse_not_finite((name, p) for name, p in model.named_parameters() if p.requires_grad)
    more = {"path_initial_model_for_weight_conversion": started_from} if started_from else {}
    model.save_pretrained(out, safe_serialization=True, **more)
    (out / "README.md").unlink(missing_ok=True)
    path = out / "adapter_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    ordered = {key: sorted(value) if isinstance(value, list) else value for key, value in config.items()}
    ordered["base_model_name_or_path"] = None
    if ordered.get("tokenizer_name_or_path"):
        # the text has become weights; with the path of its tokenizer the adapter would only load where it was trained
        ordered |= {"tokenizer_name_or_path": None, "prompt_tuning_init": "RANDOM", "prompt_tuning_init_text": None}
    path.write_text(json.dumps(ordered, indent=2, sort_keys=True), encoding="utf-8")


def refuse_not_finite(parameters: Any) -> None:
    """Raise `ModelUnsafe` with the name of the first tensor that holds NaN or infinity."""
    import torch

    for name, parameter in parameters:
        if not bool(torch.isfinite(parameter).all()):
            raise ModelUnsafe(f"tensor {name} is not finite", next_step="train again with a lower learning rate")
