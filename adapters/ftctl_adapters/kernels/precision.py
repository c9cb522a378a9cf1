"""Helpers for dtypes wider or narrower than 32 bits."""

import torch
from torch import Tensor


def wide(numbers: Tensor) -> Tensor:
    """Return the tensor in float32, or unchanged in float64."""
    return numbers if is_double(numbers) else numbers.float()


def is_double(numbers: Tensor) -> bool:
    """Return True for float64."""
    return bool(numbers.dtype == torch.float64)


def is_half(numbers: Tensor) -> bool:
    """Return True for 16 bits or fewer, too few for a softmax that scores are made of."""
    return bool(numbers.dtype.itemsize <= 2)
