"""MinHash signatures. Broder, On the resemblance and containment of documents, 1997."""

from typing import Any

import numpy as np

HASHES = 128
NOTHING = np.uint32(0xFFFFFFFF)
"""All of the signature of a text without shingles."""

Array = Any


def signatures(hashes: Array, counts: Array, seed: int) -> Array:
    """Return MinHash signatures: the minimum under each of 128 random permutations, (texts, 128) uint32.

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
    # one permutation at a time, in 32 bits: what is computed stays in the cache, which is three times as fast
    small, turned = (hashes >> np.uint64(32)).astype(np.uint32), np.empty((HASHES, len(some)), np.uint32)
    for place, (factor, term) in enumerate(zip(*_permutations(seed), strict=True)):
        turned[place] = np.minimum.reduceat(small * factor + term, starts)
    found[some] = turned.T
    return found


def _permutations(seed: int) -> tuple[Array, Array]:
    """Return odd factors and addends of random permutations of 32-bit hashes."""
    draw = np.random.default_rng(seed)
    factors, terms = draw.integers(0, 1 << 32, (2, HASHES), np.uint32, endpoint=False)
    return factors | np.uint32(1), terms
