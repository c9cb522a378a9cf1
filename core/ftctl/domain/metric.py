"""A measured figure that says what it is: unit, direction, how many examples, how uncertain."""

import math
from collections.abc import Sequence
from typing import Literal

from attrs import frozen

Direction = Literal["higher", "lower"]


@frozen
class Metric:
    """``value`` over ``n`` examples; ``stderr`` is the standard error of the value in the same unit."""

    name: str
    value: float
    unit: str
    direction: Direction
    n: int
    stderr: float | None = None


def mean_metric(name: str, values: Sequence[float], *, unit: str, direction: Direction) -> Metric:
    """The mean of per-example values with its standard error, s / sqrt(n) (n - 1 in the variance)."""
    n = len(values)
    mean = math.fsum(values) / n
    variance = math.fsum((v - mean) ** 2 for v in values) / (n - 1) if n > 1 else 0.0
    return Metric(name, mean, unit, direction, n, math.sqrt(variance / n))
