"""A frozen linear layer with its low-rank update, as one node of the autograd graph.

Y = X·Wᵀ + b + s·(X·Aᵀ)·Bᵀ, with W (out × in) frozen, A (rank × in) and B (out × rank) trained. Hu et al., LoRA, 2021.
Four matrix products and no other pass over a (tokens × out) tensor; the adapter's own node graph takes seven. A and B
stay in float32, where their optimizer wants them, and are cast to the dtype of X for the products.
"""

from typing import Any

import torch
from attrs import frozen
from torch import Tensor
from torch.autograd import Function

from ftctl_adapters.kernels.frozen_weight import FrozenWeight

Pair = tuple[Tensor, Tensor]


@frozen
class Projection:
    """Weights of one layer in the dtype of its input: ``w`` (out, in), ``b`` (out,), ``down`` = A, ``up`` = s·B."""

    w: FrozenWeight
    b: Tensor | None
    down: Tensor
    up: Tensor
    scale: float

    def forward(self, x: Tensor) -> Pair:
        """Y of shape (tokens, out), and X·Aᵀ of shape (tokens, rank), which the backward pass needs."""
        narrow = x @ self.down.t()
        return self.w.product(x, self.b).addmm_(narrow, self.up.t()), narrow

    def input_gradient(self, grad: Tensor, narrow_grad: Tensor, into: Tensor | None = None) -> Tensor:
        """The gradient of X, dY·W + (dY·sB)·A, added to ``into`` where that is given."""
        return self.w.gradient(grad, into).addmm_(narrow_grad, self.down)

    def adapter_gradients(self, x: Tensor, narrow: Tensor, grad: Tensor, narrow_grad: Tensor) -> Pair:
        """The gradients of A and B, in float32; (narrowᵀ·dY)ᵀ takes half the time of dYᵀ·narrow."""
        return (narrow_grad.t() @ x).float(), (narrow.t() @ grad).float().mul_(self.scale).t()


def cast(dtype: torch.dtype, w: FrozenWeight, b: Tensor | None, a: Tensor, up: Tensor, scale: float) -> Projection:
    """The projection with its adapter in the dtype of the input."""
    return Projection(w, b, a.to(dtype), (up * scale).to(dtype), scale)


class LowRankLinear(Function):
    """Autograd function of a linear layer with LoRA: inputs X (tokens, in), W, b, A, B, s."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, w: FrozenWeight, b: Tensor | None, a: Tensor, up: Tensor, scale: float) -> Tensor:
        layer = cast(x.dtype, w, b, a, up, scale)
        y, narrow = layer.forward(x)
        ctx.layer = layer
        ctx.save_for_backward(x, narrow)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        x, narrow = ctx.saved_tensors
        grad = grads[0]
        layer: Projection = ctx.layer
        narrow_grad = grad @ layer.up
        down_grad, up_grad = layer.adapter_gradients(x, narrow, grad, narrow_grad)
        back = layer.input_gradient(grad, narrow_grad) if ctx.needs_input_grad[0] else None
        return back, None, None, down_grad, up_grad, None
