"""Layout of concatenated sequences: without padding, and without trailing positions that no loss needs.

Layers that judge every token by itself see one row of tokens; attention alone sees sequences, those of like lengths
side by side.
"""

from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from attrs import frozen
from torch import Tensor
from torch.autograd import Function

from ftctl_adapters.kernels.row_gather import rounded

ALIKE = 0.7
"""Sequences stand side by side in attention when the shortest has at least this share of the longest's length."""

Run = tuple[int, int]
"""Where a sequence begins among the tokens, and how many it has."""


@frozen
class Group:
    """Sequences of one group: their positions among the tokens, and their common padded length."""

    runs: tuple[Run, ...]
    length: int


@frozen
class Layout:
    """Sequences among ``tokens``, rounded up to a fast number; the last tokens may belong to none.

    ``asked`` (asked,), int64, are the tokens whose states are wanted. ``groups`` are sequences of like lengths, and
    ``asked_groups`` say which of the asked tokens are of each; ``seen`` (sequences, length), int64, is for each group
    the place of every asked token in its sequence, and 0 where there is none.
    """

    tokens: int
    asked: Tensor
    groups: tuple[Group, ...]
    asked_groups: tuple[Group, ...]
    seen: tuple[Tensor, ...]

    @property
    def longest(self) -> int:
        """Length of the longest sequence."""
        return max(group.length for group in self.groups)


def lay_out_rows(ids: Tensor, positions: Tensor | None, asked: Tensor) -> tuple[Layout, Tensor, Tensor]:
    """Return the layout of a padded batch, with its ids and positions, (1, tokens) each.

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
    layout = _layout(tokens, lengths, counts, asked - (starts - lengths.cumsum(0) + lengths)[owners])
    pad = torch.nn.functional.pad
    return layout, pad(ids.reshape(-1)[places], (0, extra))[None], pad(flat[places], (0, extra))[None]


def _layout(tokens: int, lengths: Tensor, counts: Tensor, asked: Tensor) -> Layout:
    runs, asked_runs = _runs(lengths), _runs(counts)
    alike = _alike(lengths.tolist())
    groups = tuple(_group(runs, numbers) for numbers in alike)
    asked_groups = tuple(_group(asked_runs, numbers) for numbers in alike)
    seen = tuple(map(partial(_seen, asked), groups, asked_groups))
    return Layout(tokens, asked, groups, asked_groups, seen)


def _runs(lengths: Tensor) -> list[Run]:
    return list(zip((lengths.cumsum(0) - lengths).tolist(), lengths.tolist(), strict=True))


def _alike(lengths: list[int]) -> list[list[int]]:
    """Yield groups of sequences of similar length, the longest first."""
    found: list[list[int]] = []
    for number in sorted(range(len(lengths)), key=lambda number: -lengths[number]):
        if found and lengths[number] >= ALIKE * lengths[found[-1][0]]:
            found[-1].append(number)
        else:
            found.append([number])
    return found


def _group(runs: list[Run], numbers: list[int]) -> Group:
    chosen = tuple(runs[number] for number in numbers)
    return Group(chosen, rounded(max(size for _, size in chosen)))


def _seen(asked: Tensor, group: Group, asked_group: Group) -> Tensor:
    found = torch.zeros(len(group.runs), asked_group.length, dtype=torch.long)
    for place, ((start, _), (first, size)) in enumerate(zip(group.runs, asked_group.runs, strict=True)):
        found[place, :size] = asked[first : first + size] - start
    return found


class Spread(Function):
    """X (tokens, heads, width) as (sequences, heads, length, width) of every group, zeros behind the sequences."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, groups: tuple[Group, ...]) -> tuple[Tensor, ...]:
        ctx.groups, ctx.tokens = groups, len(x)
        return tuple(_spread(x, group) for group in groups)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return _gathered(grads, ctx.groups, ctx.tokens), None


class Gather(Function):
    """Inverse of `Spread`: (tokens, heads, width), zeros where no sequence is."""

    @staticmethod
    def forward(ctx: Any, groups: tuple[Group, ...], tokens: int, *parts: Tensor) -> Tensor:
        ctx.groups = groups
        return _gathered(parts, groups, tokens)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return None, None, *(_spread(grads[0], group) for group in ctx.groups)


def _spread(x: Tensor, group: Group) -> Tensor:
    found = x.new_empty(len(group.runs), x.shape[1], group.length, x.shape[2])
    for place, (first, size) in enumerate(group.runs):
        found[place, :, :size] = x[first : first + size].transpose(0, 1)
        found[place, :, size:] = 0
    return found


def _gathered(parts: Sequence[Tensor], groups: tuple[Group, ...], tokens: int) -> Tensor:
    _, heads, _, width = parts[0].shape
    covered = sum(size for group in groups for _, size in group.runs)
    found = (parts[0].new_empty if covered == tokens else parts[0].new_zeros)(tokens, heads, width)
    for part, group in zip(parts, groups, strict=True):
        for place, (first, size) in enumerate(group.runs):
            found[first : first + size] = part[place, :, :size].transpose(0, 1)
    return found
