"""Cluster similar MinHash signatures by LSH banding and comparison."""

import mmap
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ftctl_adapters.dedup.signatures import HASHES, NOTHING

BLOCK_ROWS = 65_536
"""Signatures that are looked at at a time."""

PAIRS = 1024
"""Pairs that are compared at a time: each may bring 128 KiB of its file into this process's memory."""

Array = Any
Spread = Callable[[Callable[[int], tuple[Array, Array]], Iterable[int]], Iterator[tuple[Array, Array]]]


def clusters(
    signatures: Path, bands: int, threshold: float, stop: Callable[[], None] = lambda: None, spread: Spread = map
) -> Array:
    """Return the index of the first member of each signature's cluster, int64.

    Signatures that agree in all values of a band are candidates; they join one cluster when the share of equal
    values is at least the threshold. Within a bucket of a band, each is compared with the first and the previous one.

    Args:
        signatures: (n, 128) uint32, one after the other; memory is 24 bytes each of them.
        bands: how many; it must divide 128.
        threshold: least share of equal values.
        stop: called between bands; raises to stop.
        spread: applies a function to each band, here or elsewhere.
    """
    first = np.arange(signatures.stat().st_size // (4 * HASHES))
    for one, other in spread(partial(like_pairs, signatures, bands, threshold), range(bands)):
        stop()
        _unite(first, one, other)
        first = _flattened(first)
    return first


def like_pairs(signatures: Path, bands: int, threshold: float, band: int) -> tuple[Array, Array]:
    """Return pairs of rows that agree in one band, and in enough of all values: two arrays, int64."""
    file, width = Mapped(signatures), HASHES // bands
    ones, others = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for one, other in _candidates(file.band(slice(band * width, (band + 1) * width))):
        like = file.agreement(one, other) >= threshold
        ones.append(one[like])
        others.append(other[like])
    return np.concatenate(ones), np.concatenate(others)


class Mapped:
    """Memory-mapped signatures; no more than a block of them is in this process's memory."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._rows = np.frombuffer(self._map, np.uint32).reshape(-1, HASHES)

    def __len__(self) -> int:
        return len(self._rows)

    def band(self, columns: slice) -> Array:
        """Return one hash a text for a band of its signature, uint64; a text without shingles gets a unique one."""
        keys = np.empty(len(self), np.uint64)
        for start in range(0, len(self), BLOCK_ROWS):
            rows = self._rows[start : start + BLOCK_ROWS]
            key = np.zeros(len(rows), np.uint64)
            for column in range(columns.start, columns.stop):
                key = (key ^ rows[:, column]) * np.uint64(0x9E3779B97F4A7C15)
                key ^= key >> np.uint64(29)
            own = np.arange(start, start + len(key), dtype=np.uint64)
            keys[start : start + BLOCK_ROWS] = np.where(rows[:, 0] == NOTHING, own, key)
            self._release()
        return keys

    def agreement(self, one: Array, other: Array) -> Array:
        """Return the share of equal values of each pair, float64."""
        found = np.empty(len(one))
        for start in range(0, len(one), PAIRS):
            some = slice(start, start + PAIRS)
            found[some] = (self._rows[one[some]] == self._rows[other[some]]).mean(axis=1)
            self._release()
        return found

    def _release(self) -> None:
        """Release the pages that were read; they stay in the system's cache."""
        self._map.madvise(mmap.MADV_DONTNEED)


def _candidates(keys: Array) -> Iterator[tuple[Array, Array]]:
    """Yield pairs of rows with equal band keys: each with the previous one, and with the first of its bucket."""
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    same = np.flatnonzero(ordered[1:] == ordered[:-1]) + 1
    heads = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    for start in range(0, len(same), BLOCK_ROWS):
        some = same[start : start + BLOCK_ROWS]
        head = heads[np.searchsorted(heads, some, "right") - 1]
        yield order[head], order[some]
        further = some - 1 != head
        yield order[some[further] - 1], order[some[further]]


def _unite(first: Array, one: Array, other: Array) -> None:
    apart = first[one] != first[other]
    for a, b in zip(one[apart].tolist(), other[apart].tolist(), strict=True):
        low, high = sorted((_root(first, a), _root(first, b)))
        first[high] = low


def _root(first: Array, place: int) -> int:
    while first[place] != place:
        first[place] = first[first[place]]
        place = int(first[place])
    return place


def _flattened(first: Array) -> Array:
    while True:
        further = first[first]
        if (further == first).all():
            return further
        first = further
