"""Exposure of canaries, and p-values of their ranks under no memorisation."""

import math
from collections.abc import Sequence

from ftctl.domain.statistics.proportion import clopper_pearson
from ftctl.domain.statistics.selection_bounds import ONE_SIDE, highest, level_of_each

FIRST, TOGETHER = 0.8, 0.2
"""How the error that is allowed is divided: for one code that stands out, and for all of them taken together."""

Rank = tuple[float, int]
"""Of a code among so many; the first is 1."""


def exposure(rank: Rank) -> float:
    """Return the exposure in bits."""
    return math.log2(rank[1] / rank[0])


def bounds(ranks: Sequence[Rank]) -> tuple[float, float]:
    """Return bounds of the highest exposure over all possible codes, not only the candidates.

    Of codes that nobody has seen one is the first by chance, too: where such ranks are no wonder, it may be none.
    """
    level = level_of_each(len(ranks))
    # of ranks among as many candidates, the first one has the highest bounds
    first = {among: min(rank for rank, others in ranks if others == among) for among in {among for _, among in ranks}}
    low, high = highest([_bounds_of_one((rank, among), level) for among, rank in first.items()])
    return (low if luck(ranks) <= ONE_SIDE else 0.0), high


def luck(ranks: Sequence[Rank]) -> float:
    """p-values of canary ranks under the null hypothesis of no memorisation: of the best rank, and of all combined.

    The latter is Fisher's test, Statistical methods for research workers, 1932.
    """
    shares = [rank / among for rank, among in ranks]
    best = 1 - (1 - min(shares)) ** len(shares)
    return min(1.0, best / FIRST, _fisher(shares) / TOGETHER)


def _fisher(shares: Sequence[float]) -> float:
    """Return the tail of chi-square with twice as many degrees of freedom as shares (Fisher's method)."""
    half = -math.fsum(math.log(min(share, 1.0)) for share in shares)
    if not half:
        return 1.0
    logs = [count * math.log(half) - math.lgamma(count + 1) - half for count in range(len(shares))]
    return math.fsum(map(math.exp, logs))


def _bounds_of_one(rank: Rank, level: float) -> tuple[float, float]:
    """Return bounds by the share of all codes that are more probable (Clopper–Pearson); ties count against it."""
    above, others = rank[0] - 1, rank[1] - 1
    least, _ = clopper_pearson(math.floor(above), others, level)
    _, most = clopper_pearson(math.ceil(above), others, level)
    return max(0.0, -math.log2(most)), -math.log2(max(least, 1 / rank[1]))
