"""How likely so many hits of so many are."""

from math import exp, lgamma, log, log1p


def binomial_tail(hits: int, n: int, share: float = 0.5) -> float:
    """The probability of so many hits or more."""
    return _at_least(hits, n, share)


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
