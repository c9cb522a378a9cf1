"""Simultaneous confidence bounds of a minimum, a maximum or a range of several figures (Bonferroni).

Each of the figures has bounds that hold for all of them at once (Bonferroni), so that the choice makes no difference.
"""

import math
from collections.abc import Callable, Sequence
from functools import cache

ONE_SIDE = 0.025
"""How often bounds of 95 % may be wrong on one side."""

STEPS, HALVINGS = 400, 60

Bounds = tuple[float, float]


def level_of_each(count: int) -> float:
    """Return the confidence level of each of ``count`` figures that keeps a selected one within 2.5 % a side."""
    return 1 - ONE_SIDE / max(count, 1)


def lowest(bounds: Sequence[Bounds]) -> Bounds:
    """Return simultaneous bounds of the lowest figure."""
    return min(low for low, _ in bounds), min(high for _, high in bounds)


def highest(bounds: Sequence[Bounds]) -> Bounds:
    """Return simultaneous bounds of the highest figure."""
    return max(low for low, _ in bounds), max(high for _, high in bounds)


def widest(bounds: Sequence[Bounds]) -> Bounds:
    """Return simultaneous bounds of the range, highest minus lowest figure."""
    return max(0.0, highest(bounds)[0] - lowest(bounds)[1]), highest(bounds)[1] - lowest(bounds)[0]


@cache
def student(tail: float, freedom: int) -> float:
    """Return the upper quantile of Student's t distribution, for ``tail`` below one half.

    Student, The probable error of a mean, 1908. By Simpson's rule in the angle, where its density is a power of a
    cosine, to about 1e-9.
    """
    whole = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(math.pi)

    def above(angle: float) -> float:
        return 0.5 - whole * _simpson(lambda x: math.cos(x) ** (freedom - 1), angle)

    low, high = 0.0, math.pi / 2
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if above(middle) > tail else (low, middle)
    return math.sqrt(freedom) * math.tan(low)


def _simpson(of: Callable[[float], float], end: float) -> float:
    """Integrate from 0 to ``end`` by Simpson's rule."""
    step = end / STEPS
    inner = sum((4 if place % 2 else 2) * of(place * step) for place in range(1, STEPS))
    return step / 3 * (of(0.0) + inner + of(end))
