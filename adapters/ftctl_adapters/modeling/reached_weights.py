"""The share of a model's matrices that a method works on: experts held in one tensor are easily passed over."""

import math
import re
from collections.abc import Iterable
from typing import Any

from attrs import frozen

from ftctl.domain import event as events
from ftctl.ports import StageContext

WHOLE = 0.999
NO_MATRIX = re.compile(r"norm|bias|a_log|conv", re.IGNORECASE)
"""Names of tensors that multiply or shift each value, whatever their shape."""

SHOWN = 3


@frozen
class Reached:
    """Share (0 to 1) of the matrix weights that are worked on, embeddings and head apart, and names of the others."""

    share: float
    passed_over: tuple[str, ...]

    def warning(self, does: str) -> str | None:
        """Return a sentence about what stays as it is, or None where nothing does; ``does`` is such as ``trains``."""
        if self.share >= WHOLE:
            return None
        names = ", ".join(self.passed_over[:SHOWN])
        more = f" and {len(self.passed_over) - SHOWN} more" if len(self.passed_over) > SHOWN else ""
        return f"{does} {self.share:.0%} of the weights in the model's matrices; passed over: {names}{more}"


def reached_by(model: Any, weights: Iterable[Any], elements: int = 0) -> Reached:
    """Return the share of the matrix weights that ``weights`` are.

    Args:
        model: a causal language model.
        weights: parameters of it that are worked on.
        elements: their number, where they are packed and do not show it.
    """
    core = model.get_base_model() if hasattr(model, "get_base_model") else model
    known, apart = {id(weight) for weight in weights}, _ends(core) | _added(model)
    matrices = {
        name: weight
        for name, weight in core.named_parameters()
        if weight.dim() > 1 and id(weight) not in apart and not NO_MATRIX.search(name)
    }
    hit = elements or sum(math.prod(weight.shape) for weight in matrices.values() if id(weight) in known)
    missed = {name: weight for name, weight in matrices.items() if id(weight) not in known and min(weight.shape) > 1}
    left = sum(math.prod(weight.shape) for weight in missed.values())
    largest_first = sorted(missed, key=lambda name: (-math.prod(missed[name].shape), name))
    return Reached(hit / (hit + left) if hit else 0.0, tuple(largest_first))


def tell_reached(model: Any, weights: Iterable[Any], does: str, context: StageContext, elements: int = 0) -> float:
    """Emit a warning where not all matrices are worked on; return the share. Arguments are those of `reached_by`."""
    reached = reached_by(model, weights, elements)
    warning = reached.warning(does)
    if warning:
        context.emit(events.WARNING_RAISED, message=warning)
    return reached.share


def tell_quantised(model: Any, context: StageContext) -> float:
    """Do so for a model whose linear layers bitsandbytes has quantised."""
    layers = [module for module in model.modules() if type(module).__module__.startswith("bitsandbytes")
              and hasattr(module, "in_features")]  # fmt: skip
    elements = sum(layer.in_features * layer.out_features for layer in layers)
    return tell_reached(model, [layer.weight for layer in layers], "quantises", context, elements)


def adapted_weights(model: Any) -> list[Any]:
    """Return the base weights that PEFT's adapters update, tensors of several experts included."""
    found = []
    for module in model.modules():
        if hasattr(module, "base_layer") and hasattr(module, "lora_A"):
            named = getattr(module, "parameter_name", None)
            base = module.get_base_layer()
            found.append(getattr(base, named) if named else base.weight)
    return found


def _ends(core: Any) -> set[int]:
    """Identities of the weights of embeddings and head."""
    import torch

    head = core.get_output_embeddings()
    ends = [head, *(module for module in core.modules() if isinstance(module, torch.nn.Embedding))]
    return {id(getattr(getattr(end, "base_layer", end), "weight", None)) for end in ends}


def _added(model: Any) -> set[int]:
    return {id(weight) for name, weight in model.named_parameters() if "lora_" in name or "modules_to_save" in name}
