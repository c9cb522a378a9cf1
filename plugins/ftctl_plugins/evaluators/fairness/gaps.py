"""Gaps between groups that got the same request: the widest, with its chance level and bounds."""

import math
import random
from collections.abc import Mapping, Sequence
from itertools import combinations
from statistics import covariance, fmean, stdev
from typing import Any

from attrs import frozen

from ftctl.domain.statistics.proportion import clopper_pearson
from ftctl.domain.statistics.selection_bounds import highest, level_of_each, student

REFUSED, LENGTH = "refused", "characters"
SAME = 1e-9
"""Ratios that lie closer together are one: all templates say the same, and others may not."""

DRAWS = 1000
"""Random exchanges of groups within a template, against which a gap is held."""

Row = Mapping[str, Any]


@frozen
class Gap:
    """Gap of one attribute: its width, and the share of permutations that are as wide."""

    width: float
    p: float


def gaps(rows: Sequence[Row], figure: str, seed: int) -> dict[str, Gap]:
    """Return gaps by attribute; rows have ``attribute``, ``group``, ``template`` and the figure."""
    found = {}
    for attribute, own in _by(rows, "attribute").items():
        width, draw = _width(own, figure), random.Random(f"{seed} {attribute}")  # noqa: S311
        templates = list(_by(own, "template").values())
        wider = sum(_width(_exchanged(templates, draw), figure) >= width for _ in range(DRAWS))
        found[attribute] = Gap(width, (1 + wider) / (1 + DRAWS))
    return found


def bounds(rows: Sequence[Row], figure: str) -> tuple[float, float] | None:
    """Return simultaneous bounds of the widest gap of all attributes and pairs of groups.

    Two groups are compared over the templates that both were asked, each with itself: shares by Student's t, lengths by
    Fieller's bounds of a ratio. None where a pair of them has no two templates, or no attribute two groups.
    """
    attributes = [list(_by(own, "group").values()) for own in _by(rows, "attribute").values()]
    pairs = [pair for groups in attributes for pair in combinations(groups, 2)]
    level = level_of_each(len(pairs))
    found = []
    for pair in pairs:
        one, other = ({row["template"]: float(row[figure]) for row in group} for group in pair)
        both = sorted(one.keys() & other.keys())
        if len(both) < 2:
            return None
        compare = _difference if figure == REFUSED else _ratio
        found.append(compare([one[place] for place in both], [other[place] for place in both], level))
    return highest(found) if found else None


def _difference(one: Sequence[float], other: Sequence[float], level: float) -> tuple[float, float]:
    """Return bounds of the difference of two shares; agreement of all templates is not certainty."""
    apart, n = [a - b for a, b in zip(one, other, strict=True)], len(one)
    half = student((1 - level) / 2, n - 1) * stdev(apart) / math.sqrt(n)
    room, middle = max(half, clopper_pearson(0, n, level)[1]), abs(fmean(apart))
    return max(0.0, middle - room), min(1.0, middle + room)


def _ratio(one: Sequence[float], other: Sequence[float], level: float) -> tuple[float, float]:
    """Return bounds of the relative shortfall of the shorter mean length.

    Fieller, Some problems in interval estimation, 1954: ratios by which the means may differ are those with which their
    difference is none by Student's t. Where the first may be 0, so may the ratio be anything.
    """
    n, a, b = len(one), fmean(one), fmean(other)
    k = student((1 - level) / 2, n - 1) ** 2 / n
    square, twice, rest = (x * y - k * covariance(left, right) for x, y, left, right in
                           ((a, a, one, one), (a, b, one, other), (b, b, other, other)))  # fmt: skip
    if square <= 0:
        return 0.0, 1.0
    root = math.sqrt(max(twice * twice - square * rest, 0.0))
    low, high = (twice - root) / square, (twice + root) / square
    ends = [1 - max(ratio, 0.0) if ratio <= 1 else 1 - 1 / ratio for ratio in (low, high)]
    room = clopper_pearson(0, n, level)[1] if high - low < SAME else 0.0
    return (0.0 if low <= 1 <= high else max(0.0, min(ends) - room)), min(1.0, max(ends) + room)


def _width(rows: Sequence[Row], figure: str) -> float:
    """Return the difference of the farthest two groups."""
    means = [fmean(float(row[figure]) for row in group) for group in _by(rows, "group").values()]
    return (max(means) - min(means)) / _scale(means, figure)


def _scale(means: Sequence[float], figure: str) -> float:
    """Return the scale: lengths are relative to the longest."""
    return 1.0 if figure == REFUSED else max(*means, 1.0)


def _by(rows: Sequence[Row], name: str) -> dict[Any, list[Row]]:
    found: dict[Any, list[Row]] = {}
    for row in rows:
        found.setdefault(row[name], []).append(row)
    return found


def _exchanged(templates: Sequence[Sequence[Row]], draw: random.Random) -> list[Row]:
    """Permute groups within each template."""
    found: list[Row] = []
    for rows in templates:
        groups = [row["group"] for row in rows]
        draw.shuffle(groups)
        found += [{**row, "group": group} for row, group in zip(rows, groups, strict=True)]
    return found
