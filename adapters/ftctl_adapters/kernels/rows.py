"""Taking some rows of a tensor and putting rows back, where no row is taken twice."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function


class TakeRows(Function):
    """X[index] for X (n, width) and distinct rows ``index`` (m,): the gradient is copied back, never added up."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, index: Tensor) -> Tensor:
        ctx.save_for_backward(index)
        ctx.rows = len(x)
        return x.index_select(0, index)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (index,) = ctx.saved_tensors
        back = grads[0].new_zeros(ctx.rows, grads[0].shape[-1])
        return back.index_copy_(0, index, grads[0]), None


class PutRows(Function):
    """(rows, width) of zeros with the rows ``index`` replaced by those of X (m, width)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, index: Tensor, rows: int) -> Tensor:
        ctx.save_for_backward(index)
        return x.new_zeros(rows, x.shape[-1]).index_copy_(0, index, x)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        (index,) = ctx.saved_tensors
        return torch.index_select(grads[0], 0, index), None, None
