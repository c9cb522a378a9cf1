"""Which keys were there before, however many there are."""

from array import array
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

BYTES_A_KEY, BYTES_A_RANKED_KEY = 160, 300
"""What a dictionary of 16-byte keys takes for each: 153 and 291 measured, with 1.5 million of them on CPython 3.11."""
BLOCK_KEYS = 65_536
MOST_PASSES = 256
"""Keys are told apart by their first byte, so no more passes than it has values."""


def first_places(keys: Path, width: int, memory_bytes: int, rank_bytes: int = 0) -> "array[int]":
    """For each key of the file the place of its first occurrence, counted from 0.

    The last ``rank_bytes`` of a key are a rank and no part of it: the first of the lowest rank counts as the first.

    The file is read several times when a dictionary of all keys would not fit into the memory; each pass takes the
    keys whose first byte falls to it, so keys must be evenly spread, as digests are. The answer takes 8 bytes a key.
    """
    count = keys.stat().st_size // width
    found = array("q", bytes(8 * count))
    needed = count * (BYTES_A_RANKED_KEY if rank_bytes else BYTES_A_KEY)
    passes = min(max(1, -(-needed // max(memory_bytes, 1))), MOST_PASSES)
    for part in range(passes):
        (_fill_ranked if rank_bytes else _fill)(found, keys, width, rank_bytes, partial(_falls_to, part, passes))
    return found


def _falls_to(part: int, passes: int, key: bytes) -> bool:
    return key[0] * passes >> 8 == part


def _fill(found: "array[int]", keys: Path, width: int, _: int, falls_to: Callable[[bytes], bool]) -> None:
    first: dict[bytes, int] = {}
    for place, key in enumerate(_keys(keys, width)):
        if falls_to(key):
            found[place] = first.setdefault(key, place)


def _fill_ranked(
    found: "array[int]", keys: Path, width: int, rank_bytes: int, falls_to: Callable[[bytes], bool]
) -> None:
    best: dict[bytes, tuple[bytes, int]] = {}
    for place, key in enumerate(_keys(keys, width)):
        if falls_to(key):
            one, known = (key[-rank_bytes:], place), best.get(key[:-rank_bytes])
            best[key[:-rank_bytes]] = min(known, one) if known else one
    for place, key in enumerate(_keys(keys, width)):
        if falls_to(key):
            found[place] = best[key[:-rank_bytes]][1]


def _keys(path: Path, width: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(width * BLOCK_KEYS):
            for start in range(0, len(block), width):
                yield block[start : start + width]
