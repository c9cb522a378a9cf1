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
        unit = _scaled(x, inverse)
        ctx.save_for_backward(unit, weight, inverse)
        return unit * weight

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        unit, weight, inverse = ctx.saved_tensors
        grad = grads[0]
        weight_grad = None
        if ctx.needs_input_grad[1]:
            weight_grad = (grad * unit).reshape(-1, unit.shape[-1]).sum(0, dtype=torch.float32).to(weight.dtype)
        across = grad * weight
        along = (across * unit).sum(-1, keepdim=True, dtype=torch.float32).div_(unit.shape[-1])
        across.addcmul_(unit, along.to(unit.dtype), value=-1)
        return _scaled(across, inverse), weight_grad, None


def _scaled(x: Tensor, factor: Tensor) -> Tensor:
    """X (…, hidden) times a float32 factor a row, without making X float32.

    In 16 bits the factor is split into its rounding and the rest of it, so that no row is off by the rounding.
    """
    main = factor.to(x.dtype)
    product = x * main
    return product if x.dtype == factor.dtype else product.addcmul_(x, (factor - main).to(x.dtype))
