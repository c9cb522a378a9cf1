"""The blocks of a transformer, in the order that they compute in."""

from typing import Any


def layers_of(model: Any) -> list[Any]:
    """Return the blocks that the architecture keeps in one piece."""
    core = core_of(model)
    names = set(getattr(core, "_no_split_modules", None) or ())
    return [module for module in core.modules() if type(module).__name__ in names]


def core_of(model: Any) -> Any:
    """Return the model without PEFT's wrapper."""
    return model.get_base_model() if hasattr(model, "get_base_model") else model
