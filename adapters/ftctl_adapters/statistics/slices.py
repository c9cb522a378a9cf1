"""Fisher's one-sided permutation test: is a slice of the examples worse than the rest?"""

from collections.abc import Sequence

import numpy as np

DRAWS = 4000


def below_the_rest(values: Sequence[float], places: Sequence[int], draws: int = DRAWS, seed: int = 0) -> float:
    """Return the p-value of a mean this low over these positions, if drawn at random; never 0.

    Args:
        values: of all examples.
        places: of those that are looked at.
        draws: of as many examples.
        seed: of the draws.
    """
    told, draw, count = np.asarray(values, np.float64), np.random.default_rng(seed), len(places)
    bound = told[list(places)].sum() + 1e-9 * np.abs(told).sum()
    hits = sum(bool(told[draw.permutation(len(told))[:count]].sum() <= bound) for _ in range(draws))
    return (hits + 1) / (draws + 1)
