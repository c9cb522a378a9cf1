"""Test a mean against a bound, one-sided, and correct for many tests.

Tango, Equivalence test and confidence interval for the difference in proportions for the paired-sample design, 1998;
Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, 2024; Holm, A simple sequentially
rejective multiple test procedure, 1979.
"""

import math
from collections.abc import Sequence
from statistics import NormalDist

from ftctl.domain.statistics.proportion import binomial_tail, clopper_pearson

BETS = tuple(2.0**-power for power in range(1, 15))
"""Shares of what can be bet: large ones find large differences in few examples, small ones small ones in many."""

HALVINGS = 40
"""Of a bound that is looked for."""

FEWEST = 30
"""Examples from which on the normal distribution is taken for a mean of values without known limits."""


def p_share(values: Sequence[float], bound: float) -> float:
    """Exact binomial test of a share: p-value that the mean of 0/1 values is at most the bound."""
    if bound <= 0:
        return 0.0 if any(values) else 1.0
    return binomial_tail(int(sum(values)), len(values), min(bound, 1.0))


def p_gain(values: Sequence[float], margin: float) -> float:
    """p-value of paired differences in -1, 0, 1: exact McNemar test at margin 0, else Tango's score test."""
    gained, lost, n = values.count(1.0), values.count(-1.0), len(values)
    if margin == 0:
        return binomial_tail(gained, gained + lost) if gained + lost else 1.0
    spread = gain_spread(values, margin)
    return 1 - NormalDist().cdf((gained - lost - n * margin) / (spread * math.sqrt(n))) if spread else 1.0


def gain_spread(values: Sequence[float], margin: float) -> float:
    """Return the standard deviation of a difference if the mean gain equals the margin (maximum likelihood)."""
    gained, lost, n = values.count(1.0), values.count(-1.0), len(values)
    b = -gained - lost + (2 * n - gained + lost) * margin
    c = -lost * margin * (1 - margin)
    losing = (math.sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (4 * n)
    return math.sqrt(max(2 * losing + margin * (1 - margin), 0.0))


def p_bounded(values: Sequence[float], bound: float, low: float = 0.0, high: float = 1.0) -> float:
    """p-value of a mean of bounded values by a betting martingale, valid for any distribution.

    A fair bet multiplies no stake on average, so a stake that grew twentyfold is as rare as 1 in 20. Right for any
    number of examples and any skew, at the price of about twice as many examples as the normal distribution asks for.
    """
    scaled, m = [(value - low) / (high - low) for value in values], (bound - low) / (high - low)
    if m <= 0:
        return 0.0 if any(value > 0 for value in scaled) else 1.0
    if m >= 1:
        return 1.0
    logs = [math.fsum(math.log1p(share / m * (value - m)) for value in scaled) for share in BETS]
    best = max(logs)
    grown = best + math.log(math.fsum(math.exp(one - best) for one in logs) / len(logs))
    return min(1.0, math.exp(-grown))


def mean_bounds(values: Sequence[float], level: float) -> tuple[float, float]:
    """Confidence interval of a mean in [0, 1]: Clopper–Pearson for 0/1 values, else by betting."""
    if set(values) <= {0.0, 1.0}:
        return clopper_pearson(int(sum(values)), len(values), level)
    tail = (1 - level) / 2

    def below(of: Sequence[float]) -> float:
        low, high = 0.0, math.fsum(of) / len(of)
        for _ in range(HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if p_bounded(of, middle) <= tail else (low, middle)
        return low

    return below(values), 1.0 - below([1.0 - value for value in values])


def p_normal(apart: float, stderr: float | None, n: int) -> float:
    """p-value by the normal approximation; 1 for few examples or without a standard error."""
    return 1 - NormalDist().cdf(apart / stderr) if stderr and n >= FEWEST else 1.0


def holm(values: Sequence[float]) -> list[float]:
    """Holm's correction: adjust the p-values of one family so that the family-wise error keeps the level."""
    order = sorted(range(len(values)), key=values.__getitem__)
    adjusted, highest = [0.0] * len(values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[place]))
        adjusted[place] = highest
    return adjusted
