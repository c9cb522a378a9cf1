"""Paired tests of two models over the same examples.

McNemar, Note on the sampling error of the difference between correlated proportions or percentages, 1947, in its exact
form; Fisher's test of signs by permutation, The design of experiments, 1935.
"""

from typing import Any

import numpy as np

from ftctl.domain.statistics.proportion import binomial_tail

EXACT = 16
"""Pairs that differ up to which every assignment of signs is tried."""

BLOCK = 2_000_000
"""Signs that are drawn at a time."""

Array = Any


def mcnemar(gained: int, lost: int) -> float:
    """Return the exact two-sided p-value from the numbers of examples that only one of two models got right."""
    differing = gained + lost
    if not differing:
        return 1.0
    return min(1.0, 2 * binomial_tail(max(gained, lost), differing))


def sign_flip(differences: Array, draws: int = 10_000, seed: int = 0) -> float:
    """Return the two-sided p-value of a zero mean of paired differences, by random sign flips.

    Args:
        differences: (pairs,) float64.
        draws: of signs, where there are too many for all to be tried.
        seed: of the draws.
    """
    values = np.asarray(differences, np.float64)
    values = values[values != 0]
    if not len(values):
        return 1.0
    observed = abs(values.sum())
    # sums of floats differ in their last digits by the order of addition
    bound = observed - 1e-9 * np.abs(values).sum()
    if len(values) <= EXACT:
        signs = 1 - 2 * ((np.arange(1 << len(values))[:, None] >> np.arange(len(values))) & 1)
        return float((np.abs(signs @ values) >= bound).mean())
    draw, hits, done = np.random.default_rng(seed), 0, 0
    while done < draws:
        rows = min(draws - done, max(1, BLOCK // len(values)))
        signs = draw.integers(0, 2, (rows, len(values)), np.int8) * 2 - 1
        hits += int((np.abs(signs @ values) >= bound).sum())
        done += rows
    # what was observed is one of the assignments: a p of 0 is never told
    return (hits + 1) / (draws + 1)
