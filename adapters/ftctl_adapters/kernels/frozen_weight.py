"""Frozen weights, packed once for fast matrix products.

A product in bfloat16 puts its weights into blocks before it multiplies, each time anew; weights that never change can
be kept that way. Measured on two cores (Zen 4): 4 to 7 % of a layer's time, 10 to 15 % of a vocabulary head's.
"""

from typing import Any

import torch
from attrs import frozen
from torch import Tensor

ATTRIBUTE = "ftctl_frozen_weight"
"""Where a module keeps it; no parameter and no buffer, so that saving and loading see no difference."""

State = tuple[Any, ...]

BUDGET = 2 << 30
"""Bytes of laid-out weights that one model may hold, both ways together."""


@frozen
class FrozenWeight:
    """A frozen weight W (out, in), with packed blocks for X·Wᵀ and dY·W, and the state of W they belong to."""

    w: Tensor
    onward: Tensor | None = None
    back: Tensor | None = None
    seen: State | None = None

    def product(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """Return X·Wᵀ + b of shape (tokens, out)."""
        if self.onward is None:
            return torch.nn.functional.linear(x, self.w, bias)
        return _linear(x, self.onward, bias)

    def gradient(self, grad: Tensor, into: Tensor | None = None) -> Tensor:
        """dY·W of shape (tokens, in), added to ``into`` where that is given, whose memory may be used."""
        if self.back is None:
            return grad @ self.w if into is None else into.addmm_(grad, self.w)
        if into is None:
            return _linear(grad, self.back, None)
        added: Tensor = torch.ops.mkldnn._linear_pointwise.binary(grad, into, self.back, None, "add")
        return added


def lay_out(weight: Tensor) -> FrozenWeight:
    """Pack both layouts of a weight."""
    reorder = torch.ops.mkldnn._reorder_linear_weight
    whole = weight.detach()
    return FrozenWeight(whole, reorder(whole), reorder(whole.t().contiguous()), _state(weight))


def _state(weight: Tensor) -> State:
    """Return a value that changes when the weight is changed, replaced, cast, or made trainable."""
    version = 0 if weight.is_inference() else weight._version
    return weight.data_ptr(), weight.dtype, weight.requires_grad, version


def can_be_laid_out(weight: Tensor) -> bool:
    """Return True if this build of torch multiplies with packed weights, and the weight gains from it."""
    supported = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    ordinary = weight.dtype == torch.bfloat16 and weight.device.type == "cpu" and not weight.requires_grad
    return bool(supported and ordinary)


def lay_out_frozen(modules: list[Any], budget: int = BUDGET) -> int:
    """Pack the weights of linear layers in order, within a number of bytes; return how many."""
    left, done = budget, 0
    for module in modules:
        cost = 2 * module.weight.nbytes
        if can_be_laid_out(module.weight) and cost <= left:
            setattr(module, ATTRIBUTE, lay_out(module.weight))
            left, done = left - cost, done + 1
    return done


def frozen_weight(module: Any) -> FrozenWeight:
    """Return the packed weight of a linear layer; the weight itself if it is not packed or has changed."""
    kept: FrozenWeight | None = getattr(module, ATTRIBUTE, None)
    if kept is not None and kept.seen == _state(module.weight):
        return kept
    return FrozenWeight(module.weight)


def _linear(x: Tensor, blocks: Tensor, bias: Tensor | None) -> Tensor:
    found: Tensor = torch.ops.mkldnn._linear_pointwise(x, blocks, bias, "none", [], "")
    return found
