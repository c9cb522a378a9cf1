"""A metric with unit, direction, number of examples and uncertainty."""

import math
from collections.abc import Sequence
from typing import Literal

from attrs import Factory, field, frozen

from ftctl.domain.statistics.proportion import clopper_pearson, wilson

Direction = Literal["higher", "lower", "neither"]
"""Which values are better; ``neither`` is of figures that describe a model, such as a depth, and judge nothing."""

ROUNDING = 1e-18

NORMAL = 1.959963984540054
"""Standard errors from a figure to its bounds of 95 %, were it normally distributed."""

ENDS: dict[str, tuple[float | None, float | None]] = {
    "share": (0.0, 1.0),
    "bleu": (0.0, 100.0),
    "chrf": (0.0, 100.0),
    "alpha": (-1.0, 1.0),
    "cosine": (-1.0, 1.0),
    **dict.fromkeys(("bit", "ratio", "absolute", "questions", "ms", "1/s", "cores", "MB"), (0.0, None)),
}
"""Between which values figures of a unit lie; of others an evaluator says it itself."""


@frozen
class Metric:
    """``value`` over ``n`` examples; ``stderr`` is the standard error of the value in the same unit.

    ``low`` and ``high`` are bounds of 95 %, where more is known than the standard error tells. ``least`` and ``most``
    are the ends of its range, those of its unit unless it says others; ``None`` is no end. What is ``extreme`` was
    chosen for being so, such as the widest gap, or is a distance: chance moves it outwards, so that its bounds say what
    is outside of them and nothing of what is within.
    """

    name: str
    value: float
    unit: str
    direction: Direction
    n: int
    stderr: float | None = None
    low: float | None = None
    high: float | None = None
    least: float | None = field(default=Factory(lambda self: ENDS.get(self.unit, (None, None))[0], takes_self=True))
    most: float | None = field(default=Factory(lambda self: ENDS.get(self.unit, (None, None))[1], takes_self=True))
    extreme: bool = False

    def error(self, *, below: bool) -> float | None:
        """Return the standard error on one side of the value; a share near 1 has more room below than above."""
        bound = self.low if below else self.high
        if bound is not None:
            return abs(self.value - bound) / NORMAL
        return self.stderr


def mean_metric(name: str, values: Sequence[float], *, unit: str, direction: Direction) -> Metric:
    """Return the mean of per-example values with its standard error, s / sqrt(n) (n - 1 in the variance).

    A share of what is 0 or 1 in each example has bounds: Wilson's, and those of Clopper and Pearson where it is the
    same in all.
    """
    n = len(values)
    mean = math.fsum(values) / n
    variance = math.fsum((v - mean) ** 2 for v in values) / (n - 1) if n > 1 else 0.0
    low, high = _bounds(values) if _counts(values, unit) else (None, None)
    return Metric(name, mean, unit, direction, n, math.sqrt(variance / n), low, high)


def clustered_metric(
    name: str, values: Sequence[float], clusters: Sequence[str], *, unit: str, direction: Direction
) -> Metric:
    """Return the mean of values that are correlated within clusters, such as one attack in several settings.

    Its standard error is that of the clusters' sums (Liang and Zeger, Longitudinal data analysis using generalized
    linear models, 1986, with C / (C - 1)). Bounds of what is 0 or 1 are Wilson's for as many independent cases as have
    that error; where it is unknown, and where all values are the same, each cluster counts once.
    """
    n, count = len(values), len(set(clusters))
    mean = math.fsum(values) / n
    sums: dict[str, float] = {}
    for value, cluster in zip(values, clusters, strict=True):
        sums[cluster] = sums.get(cluster, 0.0) + value - mean
    spread = math.fsum(one * one for one in sums.values()) * count / max(count - 1, 1)
    # one cluster tells nothing of others, and equal ones look as if there were no chance
    error = math.sqrt(spread) / n if count > 1 and spread > ROUNDING else None
    if not _counts(values, unit):
        return Metric(name, mean, unit, direction, n, error)
    if mean in (0.0, 1.0):
        return Metric(name, mean, unit, direction, n, error, *clopper_pearson(round(mean * count), count))
    # so many independent cases would have this error
    alike = min(n, mean * (1 - mean) / error**2) if error else count
    return Metric(name, mean, unit, direction, n, error, *wilson(mean * alike, alike))


def extreme_metric(
    name: str, value: float, bounds: tuple[float, float] | None, *, unit: str, direction: Direction, n: int
) -> Metric:
    """Return an extreme of several figures; ``bounds`` hold with 97.5 % on each side, after selection."""
    low, high = (min(bounds[0], value), max(bounds[1], value)) if bounds else (None, None)
    return Metric(name, value, unit, direction, n, None, low, high, extreme=True)


def _counts(values: Sequence[float], unit: str) -> bool:
    """Return True if the values are 0 or 1 of a share, so that they count as hits."""
    return unit == "share" and set(values) <= {0.0, 1.0}


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    hits, n = int(math.fsum(values)), len(values)
    return clopper_pearson(hits, n) if hits in (0, n) else wilson(hits, n)
