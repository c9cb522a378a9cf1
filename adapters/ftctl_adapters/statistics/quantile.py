"""Bounds of a quantile that ask nothing of how values are distributed.

Conover, Practical nonparametric statistics, 1999, 3.2: between which places of sorted values a quantile lies.
"""

from collections.abc import Sequence
from math import ceil, sqrt

from ftctl.domain.proportion import binomial_mass

REACH = 12
"""Standard deviations around the middle within which places are looked for: beyond them there is nothing to find."""


def quantile_bounds(values: Sequence[float], share: float, level: float = 0.95) -> tuple[float | None, float | None]:
    """Values between which the quantile lies; no bound on a side where there are too few values for one.

    Args:
        values: independent observations, in any order.
        share: of all that lie at or below it, above 0 and below 1; 0.99 for the 99th percentile.
        level: of the interval.
    """
    ordered, tail = sorted(values), (1 - level) / 2
    n = len(ordered)
    around = ceil(REACH * sqrt(n * share * (1 - share))) + 1
    low, high, below = None, None, 0.0
    for place in range(max(0, round(n * share) - around), min(n, round(n * share) + around)):
        # so likely are at most this many values at or below the quantile
        below += binomial_mass(place, n, share)
        if below <= tail:
            low = ordered[place]
        elif below >= 1 - tail:
            high = ordered[place]
            break
    return low, high
