"""Root-mean-square normalisation as one node of the autograd graph. Zhang and Sennrich, 2019."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function


class RmsNorm(Function):
    """Y = X / rms(X) ∘ w for X (…, hidden) and w (hidden,); the mean square is taken in float32."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, eps: float) -> Tensor:
        norm = torch.linalg.vector_norm(x, dim=-1, keepdim=True, dtype=torch.float32)
        inverse = norm.square_().div_(x.shape[-1]).add_(eps).rsqrt_()
        unit = torch.mul(x, inverse, out=torch.empty_like(x))
        ctx.save_for_backward(unit, weight, inverse)
        return unit * weight

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        unit, weight, inverse = ctx.saved_tensors
        grad = grads[0]
        weight_grad = None
        if ctx.needs_input_grad[1]:
            weight_grad = (grad * unit).reshape(-1, unit.shape[-1]).sum(0, dtype=torch.float32).to(weight.dtype)
        scaled = grad * weight
        along = (scaled * unit).sum(-1, keepdim=True, dtype=torch.float32).div_(unit.shape[-1])
        scaled.addcmul_(unit, along.to(unit.dtype), value=-1)
        return torch.mul(scaled, inverse, out=torch.empty_like(scaled)), weight_grad, None
