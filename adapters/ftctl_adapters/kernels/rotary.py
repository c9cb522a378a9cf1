"""Rotary position embedding as one node of the autograd graph. Su et al., RoFormer, 2021."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from ftctl_adapters.kernels.precision import wide


class Rotary(Function):
    """X (tokens, heads, width) turned by cos and sin (tokens, width), whose halves are equal, times ``scale``."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(cos, sin)
        ctx.scale = scale
        return _turned(x, cos, sin, scale, -1)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        cos, sin = ctx.saved_tensors
        return _turned(grads[0], cos, sin, ctx.scale, 1), None, None, None


def turned_in_steps(x: Tensor, cos: Tensor, sin: Tensor, scale: float) -> Tensor:
    """The same without gradients, with both products rounded before they are added, as transformers does it."""
    half = x.shape[-1] // 2
    crossed = torch.cat((-x[..., half:], x[..., :half]), dim=-1)
    found = x * cos[:, None] + crossed * sin[:, None]
    return found if scale == 1 else found * scale


def _turned(x: Tensor, cos: Tensor, sin: Tensor, scale: float, sign: int) -> Tensor:
    half = x.shape[-1] // 2
    if scale != 1:
        cos, sin = ((wide(one) * scale).to(x.dtype) for one in (cos, sin))
    cos, sin = cos[:, None], sin[:, None, :half]
    found = torch.mul(x, cos)
    found[..., :half].addcmul_(x[..., half:], sin, value=sign)
    found[..., half:].addcmul_(x[..., :half], sin, value=-sign)
    return found
