"""Causal attention over sequences side by side, as one node of the autograd graph.

Queries come a block at a time, and no score is computed for keys that stand behind the block. Probabilities are kept
for the backward pass. Heads that share a key are rows of one product.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

BLOCK = 128
"""Queries at a time."""


class BlockAttention(Function):
    """Q (sequences, heads, asked, width), scaled, with K and V (sequences, key heads, length, their widths).

    ``seen`` (sequences, asked), int64, is the last key that each query sees; without it there is a query for each key,
    and it sees those up to its own.
    """

    @staticmethod
    def forward(ctx: Any, query: Tensor, key: Tensor, value: Tensor, seen: Tensor | None) -> Tensor:
        found = query.new_empty(*query.shape[:3], value.shape[-1])
        kept = []
        for start, end, known in _blocks(query, key, seen):
            scores = torch.matmul(_folded(query[:, :, start:end], key), key[:, :, :known].transpose(-1, -2))
            _hide(scores.view(*query.shape[:2], end - start, known), start, seen)
            weights = torch._softmax(scores, -1, False, out=scores)
            found[:, :, start:end] = torch.matmul(weights, value[:, :, :known]).view(found[:, :, start:end].shape)
            kept.append(weights)
        ctx.seen = seen
        ctx.save_for_backward(query, key, value, *kept)
        return found

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        query, key, value, *kept = ctx.saved_tensors
        query_grad, key_grad, value_grad = torch.empty_like(query), None, None
        # from the last block, whose queries see all keys, to the first
        for (start, end, known), weights in zip(reversed(_blocks(query, key, ctx.seen)), reversed(kept), strict=True):
            out, asked = _folded(grads[0][:, :, start:end], key), _folded(query[:, :, start:end], key)
            value_grad = _add(value_grad, torch.matmul(weights.transpose(-1, -2), out), known)
            scores = torch.matmul(out, value[:, :, :known].transpose(-1, -2))
            torch._softmax_backward_data(scores, weights, -1, scores.dtype, grad_input=scores)
            query_grad[:, :, start:end] = torch.matmul(scores, key[:, :, :known]).view(query[:, :, start:end].shape)
            key_grad = _add(key_grad, torch.matmul(scores.transpose(-1, -2), asked), known)
        return query_grad, key_grad, value_grad, None


def _blocks(query: Tensor, key: Tensor, seen: Tensor | None) -> list[tuple[int, int, int]]:
    """First query, the one behind the last, and how many keys they see at most."""
    asked, length = query.shape[2], key.shape[2]
    if seen is not None:
        return [(0, asked, length)]
    return [(start, min(start + BLOCK, length), min(start + BLOCK, length)) for start in range(0, length, BLOCK)]


def _folded(query: Tensor, key: Tensor) -> Tensor:
    """(sequences, key heads, heads a key × asked, width)."""
    sequences, heads, asked, width = query.shape
    return query.reshape(sequences, key.shape[1], heads // key.shape[1] * asked, width)


def _hide(scores: Tensor, start: int, seen: Tensor | None) -> None:
    """Scores (sequences, heads, asked, known) of keys that come later are made minus infinity."""
    asked, known = scores.shape[2:]
    if seen is None:
        triangle = torch.full((asked, known - start), float("-inf"), dtype=scores.dtype).triu_(1)
        scores[..., start:].add_(triangle)
        return
    later = torch.arange(known) > seen[:, None, :, None]
    scores.add_(torch.zeros(later.shape, dtype=scores.dtype).masked_fill_(later, float("-inf")))


def _add(whole: Tensor | None, part: Tensor, known: int) -> Tensor:
    if whole is None:
        return part
    whole[:, :, :known] += part
    return whole
