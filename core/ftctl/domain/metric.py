"""A measured figure that says what it is: unit, direction, how many examples, how uncertain."""

import math
from collections.abc import Sequence
from typing import Literal

from attrs import frozen

from ftctl.domain.proportion import clopper_pearson, wilson

Direction = Literal["higher", "lower"]


@frozen
class Metric:
    """``value`` over ``n`` examples; ``stderr`` is the standard error of the value in the same unit.

    ``low`` and ``high`` are bounds of 95 %, where more is known than the standard error tells.
    """

    name: str
    value: float
    unit: str
    direction: Direction
    n: int
    stderr: float | None = None
    low: float | None = None
    high: float | None = None


def mean_metric(name: str, values: Sequence[float], *, unit: str, direction: Direction) -> Metric:
    """The mean of per-example values with its standard error, s / sqrt(n) (n - 1 in the variance).

    What is 0 or 1 in each example has bounds: Wilson's, and those of Clopper and Pearson where it is the same in all.
    """
    n = len(values)
    mean = math.fsum(values) / n
    variance = math.fsum((v - mean) ** 2 for v in values) / (n - 1) if n > 1 else 0.0
    low, high = _bounds(values) if set(values) <= {0.0, 1.0} else (None, None)
    return Metric(name, mean, unit, direction, n, math.sqrt(variance / n), low, high)


def _bounds(values: Sequence[float]) -> tuple[float, float]:
    hits, n = int(math.fsum(values)), len(values)
    return clopper_pearson(hits, n) if hits in (0, n) else wilson(hits, n)
