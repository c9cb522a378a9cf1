"""Take distinct rows of a tensor, padded to a number for which products are fast."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

MULTIPLE = 16
"""Rows of products: oneDNN is a quarter slower on 267 rows than on 268, and compiles anew for every number of them."""


def rounded(count: int) -> int:
    """Return the next number of rows for which products are fast."""
    return -(-count // MULTIPLE) * MULTIPLE


class TakeRows(Function):
    """X[index] for X (n, width) and distinct rows ``index`` (m,), below them zeros up to `rounded` (m) rows.

    The gradient is copied back, never added up.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        ctx.rows = len(x)
        taken = x.new_empty(rounded(len(index)), x.shape[-1])
        torch.index_select(x, 0, index, out=taken[: len(index)])
        taken[len(index) :] = 0
        return taken

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (index,) = ctx.saved_tensors
        back = grads[0].new_zeros(ctx.rows, grads[0].shape[-1])
        return back.index_copy_(0, index, grads[0][: len(index)]), None
