"""Index of token n-grams of evaluation items, to find overlapping rows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from attrs import frozen

from ftctl_adapters.dedup.shingles import shingles

BATCH = 1024
Array = Any


@frozen
class EvaluationIndex:
    """Sorted hashes of all n-grams, uint64, each with the index of its item."""

    hashes: Array
    items: Array
    tokens: int

    @classmethod
    def of(cls, texts: Sequence[str], tokens: int) -> "EvaluationIndex":
        """Index the token n-grams of evaluation items; an item shorter than ``tokens`` is one n-gram."""
        hashes, owners = [np.zeros(0, np.uint64)], [np.zeros(0, np.int64)]
        for start in range(0, len(texts), BATCH):
            found, counts = shingles(texts[start : start + BATCH], tokens, mixed=True)
            hashes.append(found)
            owners.append(start + np.repeat(np.arange(len(counts)), counts))
        every, first = np.unique(np.concatenate(hashes), return_index=True)
        return cls(every, np.concatenate(owners)[first], tokens)

    def hits(self, texts: Sequence[str]) -> list[tuple[int, int]]:
        """Return for each text the number of its n-grams that an item has, and the item of the first; ``(0, -1)`` for
        none.
        """
        found, counts = shingles(texts, self.tokens, mixed=True)
        if not len(self.hashes) or not len(found):
            return [(0, -1)] * len(texts)
        places = np.minimum(np.searchsorted(self.hashes, found), len(self.hashes) - 1)
        inside = self.hashes[places] == found
        owner = np.repeat(np.arange(len(texts)), counts)
        times = np.bincount(owner[inside], minlength=len(texts))
        firsts = np.full(len(texts), -1, np.int64)
        # written from the last to the first, so that the first stays
        firsts[owner[inside][::-1]] = self.items[places[inside]][::-1]
        return list(zip(times.tolist(), firsts.tolist(), strict=True))
