"""How far groups of people lie apart who were asked the same, how sure that is, and how often chance would do it."""

import random
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from attrs import frozen

from ftctl.domain.proportion import difference

DRAWS = 1000
"""Random exchanges of groups within a template, against which a gap is held."""

Rows = Sequence[dict[str, Any]]


@frozen
class Gap:
    """``value`` between the groups that are farthest apart, its bounds of 95 %, and ``p`` of one as large by chance.

    Of several groups some are always farthest apart: bounds take the two that are for chosen beforehand.
    """

    value: float
    low: float
    high: float
    p: float


def gaps(records: Rows, figure: str, seed: int) -> dict[str, Gap]:
    """Of each attribute. ``refused`` is compared by shares, any other figure as a share of the largest mean.

    Args:
        records: with ``attribute``, ``group``, ``template`` and the figure.
        figure: what is compared.
        seed: of the exchanges.
    """
    found = {}
    for attribute in dict.fromkeys(one["attribute"] for one in records):
        rows = [one for one in records if one["attribute"] == attribute]
        templates = [[one for one in rows if one["template"] == t] for t in sorted({r["template"] for r in rows})]
        value, draw = _gap(rows, figure), random.Random(f"{seed} {attribute}")  # noqa: S311
        larger = sum(_gap(_exchanged(templates, draw), figure) >= value for _ in range(DRAWS))
        low, high = _of_shares(rows, figure) if figure == "refused" else _of_means(templates, figure)
        found[attribute] = Gap(value, low, high, (1 + larger) / (1 + DRAWS))
    return found


def _gap(rows: Rows, figure: str) -> float:
    means = [fmean(values) for values in _groups(rows, figure).values()]
    scale = 1.0 if figure == "refused" else max(*means, 1.0)
    return (max(means) - min(means)) / scale


def _groups(rows: Rows, figure: str) -> dict[int, list[float]]:
    groups: dict[int, list[float]] = {}
    for row in rows:
        groups.setdefault(row["group"], []).append(float(row[figure]))
    return groups


def _of_shares(rows: Rows, figure: str) -> tuple[float, float]:
    """Groups are small, and often none of them is refused anything: a bootstrap would be sure of that."""
    ordered = sorted(_groups(rows, figure).values(), key=fmean)
    most, fewest = ordered[-1], ordered[0]
    low, high = difference(int(sum(most)), len(most), int(sum(fewest)), len(fewest))
    return max(low, 0.0), high


def _of_means(templates: Sequence[Rows], figure: str) -> tuple[float, float]:
    from ftctl_adapters.statistics.bootstrap import figure_interval

    return figure_interval(lambda places: _gap([row for place in places for row in templates[place]], figure),
                           len(templates))  # fmt: skip


def _exchanged(templates: Sequence[Rows], draw: random.Random) -> list[dict[str, Any]]:
    """Within each template, who is who is drawn anew."""
    found = []
    for rows in templates:
        groups = [row["group"] for row in rows]
        draw.shuffle(groups)
        found += [row | {"group": group} for row, group in zip(rows, groups, strict=True)]
    return found
