"""Sequences one after another, without padding between them and without what no loss looks at behind them.

Layers that judge every token by itself see one row of tokens; attention alone sees sequences, those of like lengths
side by side.
"""

from typing import Any

import torch
from attrs import frozen
from torch import Tensor
from torch.autograd import Function

from ftctl_adapters.kernels.rows import rounded

ALIKE = 0.7
"""Sequences stand side by side in attention when the shortest has at least this share of the longest's length."""

Run = tuple[int, int]
"""Where a sequence begins among the tokens, and how many it has."""


@frozen
class Layout:
    """``runs`` of the sequences among ``tokens`` (a number that products like: the last ones may belong to none).

    ``asked`` (asked,), int64, are the tokens whose states are wanted, and ``asked_runs`` says which of them are of
    which sequence. ``groups`` names the sequences that attention sees side by side.
    """

    runs: tuple[Run, ...]
    tokens: int
    asked: Tensor
    asked_runs: tuple[Run, ...]
    groups: tuple[tuple[int, ...], ...]

    def longest(self, group: tuple[int, ...]) -> int:
        """The length that the sequences of a group are given."""
        return rounded(max(self.runs[number][1] for number in group))


def lay_out_rows(ids: Tensor, positions: Tensor | None, asked: Tensor) -> tuple[Layout, Tensor, Tensor]:
    """The layout of a padded batch, with its ids and positions, (1, tokens) each.

    Args:
        ids: (rows, length), int64.
        positions: (rows, length), int64; a sequence begins wherever they are 0. Without them each row is one.
        asked: places in the flattened batch, (asked,), int64, ascending and at least one.
    """
    rows, length = ids.shape
    flat = (torch.arange(length).repeat(rows) if positions is None else positions.reshape(-1)).contiguous()
    starts = (flat == 0).nonzero()[:, 0]
    owners = torch.searchsorted(starts, asked, right=True) - 1
    counts = torch.bincount(owners, minlength=len(starts))
    kept = counts > 0
    starts, counts = starts[kept], counts[kept]
    owners = torch.repeat_interleave(torch.arange(len(starts)), counts)
    lengths = asked[counts.cumsum(0) - 1] + 1 - starts
    places = torch.cat([torch.arange(first, first + size) for first, size in zip(starts, lengths, strict=True)])
    tokens = rounded(len(places))
    extra = tokens - len(places)
    moved = asked - (starts - lengths.cumsum(0) + lengths)[owners]
    layout = Layout(_runs(lengths), tokens, moved, _runs(counts), _groups(lengths.tolist()))
    pad = torch.nn.functional.pad
    return layout, pad(ids.reshape(-1)[places], (0, extra))[None], pad(flat[places], (0, extra))[None]


def _runs(lengths: Tensor) -> tuple[Run, ...]:
    return tuple(zip((lengths.cumsum(0) - lengths).tolist(), lengths.tolist(), strict=True))


def _groups(lengths: list[int]) -> tuple[tuple[int, ...], ...]:
    found: list[list[int]] = []
    for number in sorted(range(len(lengths)), key=lambda number: -lengths[number]):
        if found and lengths[number] >= ALIKE * lengths[found[-1][0]]:
            found[-1].append(number)
        else:
            found.append([number])
    return tuple(tuple(group) for group in found)


class Spread(Function):
    """X (tokens, heads, width) as sequences side by side: (sequences, heads, length, width), zeros behind them."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, runs: tuple[Run, ...], length: int) -> Tensor:
        ctx.runs, ctx.tokens = runs, len(x)
        return spread(x, runs, length)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return gather(grads[0], ctx.runs, ctx.tokens), None, None


class Gather(Function):
    """The way back: (sequences, heads, length, width) as (tokens, heads, width), zeros where no sequence is."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, runs: tuple[Run, ...], tokens: int) -> Tensor:
        ctx.runs, ctx.length = runs, x.shape[2]
        return gather(x, runs, tokens)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return spread(grads[0], ctx.runs, ctx.length), None, None


def spread(x: Tensor, runs: tuple[Run, ...], length: int) -> Tensor:
    """See `Spread`."""
    found = x.new_empty(len(runs), x.shape[1], length, x.shape[2])
    for place, (first, size) in enumerate(runs):
        found[place, :, :size] = x[first : first + size].transpose(0, 1)
        found[place, :, size:] = 0
    return found


def gather(x: Tensor, runs: tuple[Run, ...], tokens: int) -> Tensor:
    """See `Gather`."""
    covered = sum(size for _, size in runs)
    found = (x.new_empty if covered == tokens else x.new_zeros)(tokens, x.shape[1], x.shape[3])
    for place, (first, size) in enumerate(runs):
        found[first : first + size] = x[place, :, :size].transpose(0, 1)
    return found
