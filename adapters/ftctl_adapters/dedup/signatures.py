"""MinHash signatures. Broder, On the resemblance and containment of documents, 1997."""

from typing import Any

import numpy as np

HASHES = 128
NOTHING = np.uint32(0xFFFFFFFF)
"""All of the signature of a text without shingles."""

BLOCK = 8
"""Permutations at a time, so that what is computed stays in the cache."""

Array = Any


def signatures(hashes: Array, counts: Array, seed: int) -> Array:
    """One signature a text: of each of 128 random permutations the smallest value, (texts, 128) uint32.

    The share of equal values of two estimates the Jaccard similarity of their sets of shingles.

    Args:
        hashes: of shingles, text after text, uint64.
        counts: how many each text has.
        seed: of the permutations.
    """
    found = np.full((len(counts), HASHES), NOTHING, np.uint32)
    some = np.flatnonzero(counts)
    if not len(some):
        return found
    starts = (np.cumsum(counts) - counts)[some]
    factors, terms = _permutations(seed)
    for first in range(0, HASHES, BLOCK):
        several = slice(first, first + BLOCK)
        values = (hashes * factors[several, None] + terms[several, None]) >> np.uint64(32)
        found[some, several] = np.minimum.reduceat(values.astype(np.uint32), starts, axis=1).T
    return found


def _permutations(seed: int) -> tuple[Array, Array]:
    """Multiply, add and shift: Dietzfelbinger et al., 1997; factors are odd."""
    draw = np.random.default_rng(seed)
    return (
        draw.integers(0, 1 << 63, HASHES, np.uint64) * np.uint64(2) + np.uint64(1),
        draw.integers(0, 1 << 63, HASHES, np.uint64),
    )
