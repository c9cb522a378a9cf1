"""Taking some rows of a tensor, where no row is taken twice."""

from typing import Any

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
