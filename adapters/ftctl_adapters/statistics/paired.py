"""Whether two models differ over the same examples.

McNemar, Note on the sampling error of the difference between correlated proportions or percentages, 1947, in its exact
form; Fisher's test of signs by permutation, The design of experiments, 1935.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from ftctl.domain.proportion import binomial_tail

EXACT = 16
"""Pairs that differ up to which every assignment of signs is tried."""

BLOCK = 2_000_000
"""Signs that are drawn at a time."""

Array = Any


def mcnemar(gained: int, lost: int) -> float:
    """The exact two-sided p of so many examples that only one model got right, and so many that only the other did."""
    differing = gained + lost
    if not differing:
        return 1.0
    return min(1.0, 2 * binomial_tail(max(gained, lost), differing))


def sign_flip(differences: Array, draws: int = 10_000, seed: int = 0) -> float:
    """The two-sided p of the mean of paired differences being none: the share of signs that would make it as large.

    Args:
        differences: (pairs,) float64.
        draws: of signs, where there are too many for all to be tried.
        seed: of the draws.
    """
    return _flipped(differences, np.abs, draws, seed)


def sign_flip_above(differences: Array, draws: int = 10_000, seed: int = 0) -> float:
    """The one-sided p of their mean not being above 0."""
    return _flipped(differences, np.asarray, draws, seed)


def _flipped(differences: Array, side: Callable[[Array], Array], draws: int, seed: int) -> float:
    values = np.asarray(differences, np.float64)
    values = values[values != 0]
    if not len(values):
        return 1.0
    # sums of floats differ in their last digits by the order of addition
    bound = side(values.sum()) - 1e-9 * np.abs(values).sum()
    if len(values) <= EXACT:
        signs = 1 - 2 * ((np.arange(1 << len(values))[:, None] >> np.arange(len(values))) & 1)
        return float((side(signs @ values) >= bound).mean())
    draw, hits, done = np.random.default_rng(seed), 0, 0
    while done < draws:
        rows = min(draws - done, max(1, BLOCK // len(values)))
        signs = draw.integers(0, 2, (rows, len(values)), np.int8) * 2 - 1
        hits += int((side(signs @ values) >= bound).sum())
        done += rows
    # what was observed is one of the assignments: a p of 0 is never told
    return (hits + 1) / (draws + 1)


def holm(values: list[float]) -> list[float]:
    """p-values of one family, adjusted so that all of its false alarms together keep the level. Holm, 1979."""
    order = sorted(range(len(values)), key=values.__getitem__)
    adjusted, highest = [0.0] * len(values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(values) - rank) * values[place]))
        adjusted[place] = highest
    return adjusted
