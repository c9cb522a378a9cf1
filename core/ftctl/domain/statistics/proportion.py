"""Confidence intervals of a proportion: Wilson, Clopper–Pearson and others.

Wilson, Probable inference, the law of succession, and statistical inference, 1927; Clopper and Pearson, The use of
confidence or fiducial limits illustrated in the case of the binomial, 1934.
"""

from collections.abc import Callable
from math import ceil, exp, floor, lgamma, log, log1p
from statistics import NormalDist

STEPS = 64
"""Halvings of a bound: more than a float can tell apart."""


def wilson(hits: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's interval: close to its level at every share, also for few observations; (0, 1) for none.

    Numbers that are not whole are those of equivalent observations, where real ones depend on each other.
    """
    if not n:
        return 0.0, 1.0
    z = NormalDist().inv_cdf((1 + level) / 2)
    share, weight = hits / n, z * z / n
    middle = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * (share * (1 - share) / n + weight / (4 * n)) ** 0.5
    return (0.0 if not hits else max(0.0, middle - half)), (1.0 if hits == n else min(1.0, middle + half))


def away_from_even(hits: float, n: int) -> tuple[float, float]:
    """Return folded Clopper–Pearson bounds of |2 p - 1|, the distance of a share from a half.

    An even share is as often too high as too low: the lower bound is wrong in 2.5 % of both together. Half a hit counts
    against either bound.
    """

    def ends(level: float) -> tuple[float, float]:
        low, high = clopper_pearson(floor(hits), n, level)[0], clopper_pearson(ceil(hits), n, level)[1]
        return 2 * low - 1, 2 * high - 1

    left, right = ends(0.975)
    return (0.0 if left < 0 < right else min(abs(left), abs(right))), max(map(abs, ends(0.95)))


def clopper_pearson(hits: int, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the Clopper–Pearson interval: conservative, so suited to zero or all hits where safety counts."""
    if not n:
        return 0.0, 1.0
    tail = (1 - level) / 2
    low = 0.0 if hits == 0 else _root(lambda p: _at_least(hits, n, p) < tail)
    high = 1.0 if hits == n else _root(lambda p: 1 - _at_least(hits + 1, n, p) > tail)
    return low, high


def binomial_tail(hits: int, n: int, share: float = 0.5) -> float:
    """Return the binomial probability of at least this many hits."""
    return _at_least(hits, n, share)


def _root(before: Callable[[float], bool]) -> float:
    """Return the smallest share at which the condition no longer holds (bisection)."""
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if before(middle) else (low, middle)
    return (low + high) / 2


def _at_least(hits: int, n: int, share: float) -> float:
    if hits <= 0:
        return 1.0
    if hits > n or share <= 0:
        return 0.0
    if share >= 1:
        return 1.0
    if hits > n * share:
        return sum(_mass(k, n, share) for k in range(hits, n + 1))
    return 1.0 - sum(_mass(k, n, share) for k in range(hits))


def _mass(k: int, n: int, share: float) -> float:
    return exp(lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1) + k * log(share) + (n - k) * log1p(-share))
