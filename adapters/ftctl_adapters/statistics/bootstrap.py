"""Bootstrap intervals of a mean, and jackknife errors of other figures.

Efron, Better bootstrap confidence intervals, 1987 (BCa); Kott, The delete-a-group jackknife, 2001.
"""

import math
from collections.abc import Callable
from statistics import NormalDist
from typing import Any

import numpy as np

BLOCK = 2_000_000
"""Draws of examples at a time."""

Array = Any


def mean_interval(
    values: Array, level: float = 0.95, draws: int = 2000, seed: int = 0, clusters: Array = None
) -> tuple[float, float]:
    """Return bias-corrected and accelerated (BCa) bounds of the mean.

    Args:
        values: (examples,) float64.
        level: of the interval.
        draws: of the bootstrap.
        seed: of the draws.
        clusters: (examples,) of what each belongs to, where they are not independent: whole clusters are drawn then.
    """
    sums, counts = _grouped(np.asarray(values, np.float64), clusters)
    if len(sums) < 2 or np.ptp(sums / counts) == 0:
        mean = float(sums.sum() / counts.sum()) if len(sums) else float("nan")
        return mean, mean
    found = _resampled(sums, counts, draws, seed)
    mean, normal = sums.sum() / counts.sum(), NormalDist()
    below = (np.count_nonzero(found < mean) + np.count_nonzero(found == mean) / 2) / draws
    bias = normal.inv_cdf(min(max(below, 1 / (2 * draws)), 1 - 1 / (2 * draws)))
    left = (sums.sum() - sums) / (counts.sum() - counts)
    apart = left.mean() - left
    spread = (apart**2).sum()
    skew = float((apart**3).sum() / (6 * spread**1.5)) if spread else 0.0
    bounds = []
    for tail in ((1 - level) / 2, (1 + level) / 2):
        z = bias + normal.inv_cdf(tail)
        bounds.append(normal.cdf(bias + z / (1 - skew * z)))
    low, high = np.quantile(found, bounds)
    return float(low), float(high)


def figure_error(figure: Callable[[Array], float], count: int, groups: int = 20) -> float | None:
    """Return the standard error of a figure that repeated observations would distort, such as distinct words.

    By leaving out a twentieth of the observations each time. None where there are no two.

    Args:
        figure: of observations by their places, (fewer than count,) int64, none of which repeats.
        count: of independent observations.
        groups: of observations that are left out together.
    """
    if count < 2:
        return None
    places, groups = np.arange(count), min(groups, count)
    found = np.array([figure(places[places % groups != left]) for left in range(groups)])
    return math.sqrt((groups - 1) / groups * float(((found - found.mean()) ** 2).sum()))


def _grouped(values: Array, clusters: Array) -> tuple[Array, Array]:
    """Return sum and number of examples of each cluster; without clusters, of each example."""
    if clusters is None:
        return values, np.ones(len(values))
    _, codes = np.unique(np.asarray(clusters), return_inverse=True)
    return np.bincount(codes, values), np.bincount(codes).astype(np.float64)


def _resampled(sums: Array, counts: Array, draws: int, seed: int) -> Array:
    draw, found = np.random.default_rng(seed), np.empty(draws)
    step = max(1, BLOCK // len(sums))
    for start in range(0, draws, step):
        chosen = draw.integers(0, len(sums), (min(step, draws - start), len(sums)))
        found[start : start + step] = sums[chosen].sum(axis=1) / counts[chosen].sum(axis=1)
    return found
