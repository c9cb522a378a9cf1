"""Next-token cross entropy whose gradient is made in the forward pass, a few hundred positions at a time.

Logits exist for one chunk only, in the dtype of the model, and are turned into probabilities in place; for the hidden
states the gradient is P·W − W[target]. After Hsu et al., Liger Kernel, 2024, and Wijmans et al., Cut Your Losses, 2024.
"""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from ftctl_adapters.kernels.frozen_weight import FrozenWeight
from ftctl_adapters.kernels.precision import wide
from ftctl_adapters.kernels.row_gather import MULTIPLE, rounded

CHUNK = 256
"""Positions at a time, at most: large enough for full speed of the products, small enough to stay near the cores. The
head's weights pass the cores once a chunk, so that chunks are of one size, rather than whole ones and a small rest."""


def head_losses(hidden: Tensor, head: FrozenWeight, targets: Tensor) -> Tensor:
    """-log p(target) of shape (n,), float32, or float64 where the model is.

    Args:
        hidden: states that predict the targets, (n or more, hidden); rows past the targets count nothing.
        head: W of the vocabulary head, (vocabulary, hidden), which may be trained after all.
        targets: token ids, (n,), int64.
    """
    if torch.is_grad_enabled() and (hidden.requires_grad or head.w.requires_grad):
        found: Tensor = _HeadLoss.apply(hidden, head.w, targets, head)
        return found
    likely = hidden.new_empty(len(targets))
    for chunk, logits in _logits(hidden, head):
        wanted = targets[chunk]
        _, likely[chunk] = _probabilities(logits[: len(wanted)], wanted)
    return _losses(likely, hidden, head, targets)


def _logits(hidden: Tensor, head: FrozenWeight) -> Iterator[tuple[slice, Tensor]]:
    """Yield slices of positions with their logits."""
    count = len(hidden)
    size = rounded(math.ceil(count / max(1, math.ceil(count / CHUNK)))) or MULTIPLE
    for start in range(0, count, size):
        part = hidden[start : start + size]
        yield slice(start, start + len(part)), head.product(part)


class _HeadLoss(Function):
    """Autograd function of the losses, whose gradients are made in the forward pass."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, head: FrozenWeight) -> Tensor:
        likely = hidden.new_empty(len(targets))
        hidden_grad = torch.empty_like(hidden)
        weight_grad = torch.zeros_like(weight) if ctx.needs_input_grad[1] else None
        for chunk, logits in _logits(hidden, head):
            wanted = targets[chunk]
            part, asked = hidden[chunk][: len(wanted)], hidden_grad[chunk][: len(wanted)]
            probabilities, likely[chunk] = _probabilities(logits[: len(wanted)], wanted)
            hidden_grad[chunk] = head.gradient(logits)
            asked.sub_(weight[wanted])
            if weight_grad is not None:
                weight_grad.addmm_(probabilities.t(), part).index_add_(0, wanted, part, alpha=-1)
        ctx.save_for_backward(hidden_grad, weight_grad, hidden, weight, targets)
        return _losses(likely, hidden, head, targets)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        hidden_grad, weight_grad, hidden, weight, targets = ctx.saved_tensors
        up = grads[0]
        scaled = torch.zeros_like(hidden_grad)
        torch.mul(hidden_grad[: len(up)], up[:, None].to(hidden_grad.dtype), out=scaled[: len(up)])
        if weight_grad is None:
            return scaled, None, None, None
        if bool((up == up[0]).all()):
            return scaled, weight_grad * up[0].to(weight_grad.dtype), None, None
        return scaled, _weighed_gradient(hidden, weight, targets, up), None, None


def _weighed_gradient(hidden: Tensor, weight: Tensor, targets: Tensor, up: Tensor) -> Tensor:
    """Return the gradient of a trained head for weighted positions, from recomputed probabilities."""
    found = torch.zeros_like(weight)
    for chunk, logits in _logits(hidden, FrozenWeight(weight)):
        wanted = targets[chunk]
        part, counted = hidden[chunk][: len(wanted)], up[chunk, None].to(hidden.dtype)
        probabilities, _ = _probabilities(logits[: len(wanted)], wanted)
        found.addmm_(probabilities.mul_(counted).t(), part).index_add_(0, wanted, part * counted, alpha=-1)
    return found


def _probabilities(logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """The softmax of the logits, in their memory, and of it the probability of each target."""
    probabilities = torch._softmax(logits, -1, False, out=logits)
    return probabilities, probabilities.gather(1, targets[:, None])[:, 0]


def _losses(likely: Tensor, hidden: Tensor, head: FrozenWeight, targets: Tensor) -> Tensor:
    """-log p: in float32 exact to rounding, in bfloat16 to 0.2 % of a nat; from new logits where p is too small."""
    losses = wide(likely).log().neg_()
    lost = (likely < torch.finfo(likely.dtype).tiny).nonzero()[:, 0]
    for some in lost.split(CHUNK // 4):
        logits = wide(head.product(hidden[some]))
        losses[some] = torch.nn.functional.cross_entropy(logits, targets[some], reduction="none")
    return losses
