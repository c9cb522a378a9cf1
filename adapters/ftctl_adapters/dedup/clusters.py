"""Clusters of like signatures, by banding, with every candidate checked."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ftctl_adapters.dedup.signatures import HASHES, NOTHING

BLOCK_ROWS = 65_536
"""Signatures that are looked at at a time."""

Array = Any


def clusters(signatures: Path, bands: int, threshold: float, stop: Callable[[], None] = lambda: None) -> Array:
    """For each signature of the file the place of the first of its cluster, int64.

    Signatures that agree in all values of a band are candidates; they are of one cluster when the share of equal
    values is at least the threshold. Of a band's bucket each is compared with its first and with the one before.

    Args:
        signatures: (n, 128) uint32, one after the other; memory is 24 bytes each of them.
        bands: how many; it must divide 128.
        threshold: least share of equal values.
        stop: called between bands; raises to stop.
    """
    file = np.memmap(signatures, np.uint32, "r").reshape(-1, HASHES)
    first = np.arange(len(file))
    width = HASHES // bands
    for band in range(bands):
        stop()
        for one, other in _candidates(_band_keys(file, slice(band * width, (band + 1) * width))):
            apart = first[one] != first[other]
            like = _agreement(file, one[apart], other[apart]) >= threshold
            _unite(first, one[apart][like], other[apart][like])
        first = _flattened(first)
    return first


def _band_keys(file: Array, columns: slice) -> Array:
    """One number for the values of the band, and one of its own for a text without shingles."""
    keys = np.empty(len(file), np.uint64)
    for start in range(0, len(file), BLOCK_ROWS):
        values = np.asarray(file[start : start + BLOCK_ROWS, columns]).astype(np.uint64)
        key = np.zeros(len(values), np.uint64)
        for column in range(values.shape[1]):
            key = (key ^ values[:, column]) * np.uint64(0x9E3779B97F4A7C15)
            key ^= key >> np.uint64(29)
        nothing = np.asarray(file[start : start + BLOCK_ROWS, 0]) == NOTHING
        keys[start : start + BLOCK_ROWS] = np.where(nothing, np.arange(start, start + len(key), dtype=np.uint64), key)
    return keys


def _candidates(keys: Array) -> Iterator[tuple[Array, Array]]:
    """Pairs of places with the same key: each with the one before it, and with the first of its bucket."""
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


def _agreement(file: Array, one: Array, other: Array) -> Array:
    found = np.empty(len(one))
    for start in range(0, len(one), BLOCK_ROWS // 16):
        some = slice(start, start + BLOCK_ROWS // 16)
        found[some] = (file[one[some]] == file[other[some]]).mean(axis=1)
    return found


def _unite(first: Array, one: Array, other: Array) -> None:
    for a, b in zip(one.tolist(), other.tolist(), strict=True):
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
