"""Inter-rater agreement beyond chance: kappa and alpha coefficients.

Cohen, A coefficient of agreement for nominal scales, 1960; Fleiss, Measuring nominal scale agreement among many raters,
1971; Krippendorff, Computing Krippendorff's alpha-reliability, 2011.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from attrs import frozen

MOST_VALUES = 512
"""Different values that a table of pairs is made for."""

Array = Any
Estimate = Callable[[Array], float]
"""From a weight for each item to the coefficient; NaN where chance leaves nothing to agree on."""


@frozen
class Agreement:
    """``low`` and ``high`` hold 95 % of what other samples of the items would give; ``undefined`` says why not."""

    value: float | None
    low: float | None
    high: float | None
    items: int
    undefined: str = ""


class Undefined(Exception):
    """Raised if a coefficient is undefined."""


def agreement(ratings: Array, metric: str, level: str = "nominal", samples: int = 1000, seed: int = 0) -> Agreement:
    """Return the coefficient with a bootstrap interval over items.

    Args:
        ratings: (items, raters) float64, NaN where a rater said nothing; labels as numbers, where ``level`` is nominal.
        metric: ``cohen`` (two raters), ``fleiss`` (the same number of ratings each item), ``alpha`` (Krippendorff's).
        level: of ``alpha``: nominal, ordinal, interval or ratio.
        samples: of the bootstrap; 0 for none.
        seed: of the bootstrap.
    """
    items = int((np.isfinite(ratings).sum(axis=1) >= 2).sum())
    try:
        estimate, count = METRICS[metric](ratings, level)
        value = float(estimate(np.ones(count)))
        if not np.isfinite(value):
            raise Undefined("every rating is the same: agreement by chance is certain")
    except Undefined as error:
        return Agreement(None, None, None, items, str(error))
    draw = np.random.default_rng(seed)
    drawn = [estimate(np.bincount(draw.integers(0, count, count), minlength=count)) for _ in range(samples)]
    known = np.array([one for one in drawn if np.isfinite(one)])
    low, high = (float(bound) for bound in np.percentile(known, (2.5, 97.5))) if len(known) else (None, None)
    return Agreement(value, low, high, items)


def _alpha(ratings: Array, level: str) -> tuple[Estimate, int]:
    """Return Krippendorff's alpha: one minus observed by expected disagreement."""
    values, table = _table(ratings)
    table = table[table.sum(axis=1) >= 2]
    if not len(table):
        raise Undefined("no item has two ratings")
    each = 1 / (table.sum(axis=1) - 1)

    def estimate(weights: Array) -> float:
        scaled = table * (weights * each)[:, None]
        pairs = scaled.T @ table - np.diag(scaled.sum(axis=0))
        totals = pairs.sum(axis=0)
        apart = DISTANCES[level](values, totals)
        expected = float((np.outer(totals, totals) * apart).sum())
        observed = float((pairs * apart).sum())
        return 1 - (totals.sum() - 1) * observed / expected if expected else float("nan")

    return estimate, len(table)


def _fleiss(ratings: Array, level: str) -> tuple[Estimate, int]:
    _, table = _table(ratings)
    table = table[table.sum(axis=1) > 0]
    each = np.unique(table.sum(axis=1))
    if len(each) != 1:
        raise Undefined("items have different numbers of ratings; alpha allows that")
    if each[0] < 2:
        raise Undefined("no item has two ratings")
    agreed = ((table**2).sum(axis=1) - each[0]) / (each[0] * (each[0] - 1))

    def estimate(weights: Array) -> float:
        shares = (weights @ table) / (weights.sum() * each[0])
        return _beyond(float(weights @ agreed / weights.sum()), float((shares**2).sum()))

    return estimate, len(table)


def _cohen(ratings: Array, level: str) -> tuple[Estimate, int]:
    raters = np.flatnonzero(np.isfinite(ratings).any(axis=0))
    if len(raters) != 2:
        raise Undefined(f"{len(raters)} raters; cohen is of two")
    both = ratings[:, raters][np.isfinite(ratings[:, raters]).all(axis=1)]
    if not len(both):
        raise Undefined("no item has two ratings")
    values, codes = np.unique(both, return_inverse=True)
    codes = codes.reshape(both.shape)

    def estimate(weights: Array) -> float:
        one, other = (np.bincount(codes[:, who], weights, len(values)) / weights.sum() for who in (0, 1))
        return _beyond(float(weights[codes[:, 0] == codes[:, 1]].sum() / weights.sum()), float(one @ other))

    return estimate, len(both)


def _beyond(observed: float, chance: float) -> float:
    return (observed - chance) / (1 - chance) if chance < 1 - 1e-12 else float("nan")


def _table(ratings: Array) -> tuple[Array, Array]:
    """Return all values in order, and for each item how often it got each."""
    values, codes = np.unique(ratings[np.isfinite(ratings)], return_inverse=True)
    if len(values) > MOST_VALUES:
        raise Undefined(f"{len(values)} different values; at most {MOST_VALUES} can be compared")
    items = np.nonzero(np.isfinite(ratings))[0]
    table = np.zeros((len(ratings), len(values)))
    np.add.at(table, (items, codes), 1)
    return values, table


def _ordinal(values: Array, totals: Array) -> Array:
    up_to = np.cumsum(totals)
    middle = up_to - totals / 2
    return (middle[:, None] - middle[None, :]) ** 2


def _ratio(values: Array, totals: Array) -> Array:
    total = values[:, None] + values[None, :]
    return (np.divide(values[:, None] - values[None, :], total, out=np.zeros_like(total), where=total != 0)) ** 2


DISTANCES: dict[str, Callable[[Array, Array], Array]] = {
    "nominal": lambda values, totals: 1.0 - np.eye(len(values)),
    "ordinal": _ordinal,
    "interval": lambda values, totals: (values[:, None] - values[None, :]) ** 2,
    "ratio": _ratio,
}
METRICS: dict[str, Callable[[Array, str], tuple[Estimate, int]]] = {"alpha": _alpha, "fleiss": _fleiss, "cohen": _cohen}
