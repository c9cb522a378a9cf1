"""Remember which keys were seen, exactly, in bounded memory."""

from array import array
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

BYTES_A_KEY, BYTES_A_RANKED_KEY = 160, 300
"""What a dictionary of 16-byte keys takes for each: 153 and 291 measured, with 1.5 million of them on CPython 3.11."""
BLOCK_KEYS = 65_536
MOST_PASSES = 256
"""Keys are told apart by their first byte, so no more passes than it has values."""


Spread = Callable[[Callable[[int], "array[int]"], Iterable[int]], Iterator["array[int]"]]
"""Applies a function to items, here or elsewhere; results come in their order."""


def first_places(
    keys: Path, width: int, memory_bytes: int, rank_bytes: int = 0, spread: Spread = map, parts: int = 1
) -> "array[int]":
    """Return for each key of the file the place of its first occurrence, from 0.

    The last ``rank_bytes`` of a key are a rank and no part of it: the first of the lowest rank counts as the first.

    The file is read several times when a dictionary of all keys would not fit into the memory; each pass takes the
    keys whose first byte falls to it, so keys must be evenly spread, as digests are. The answer takes 8 bytes a key.
    ``spread`` makes the passes, ``parts`` of them at least.
    """
    count = keys.stat().st_size // width
    found = array("q", range(count))
    needed = count * (BYTES_A_RANKED_KEY if rank_bytes else BYTES_A_KEY)
    passes = min(max(1, parts, -(-needed // max(memory_bytes, 1))), MOST_PASSES)
    for pairs in spread(partial(_ranked if rank_bytes else _plain, keys, width, rank_bytes, passes), range(passes)):
        for place in range(0, len(pairs), 2):
            found[pairs[place]] = pairs[place + 1]
    return found


def _falls_to(part: int, passes: int, key: bytes) -> bool:
    return key[0] * passes >> 8 == part


def _plain(keys: Path, width: int, _: int, passes: int, part: int) -> "array[int]":
    """Return the places of repeated keys and of their first occurrences, for one part of the keys."""
    first, found = dict[bytes, int](), array("q")
    for place, key in enumerate(_keys(keys, width)):
        if _falls_to(part, passes, key):
            known = first.setdefault(key, place)
            if known != place:
                found.extend((place, known))
    return found


def _ranked(keys: Path, width: int, rank_bytes: int, passes: int, part: int) -> "array[int]":
    best: dict[bytes, tuple[bytes, int]] = {}
    for place, key in enumerate(_keys(keys, width)):
        if _falls_to(part, passes, key):
            one, known = (key[-rank_bytes:], place), best.get(key[:-rank_bytes])
            best[key[:-rank_bytes]] = min(known, one) if known else one
    found = array("q")
    for place, key in enumerate(_keys(keys, width)):
        if _falls_to(part, passes, key) and best[key[:-rank_bytes]][1] != place:
            found.extend((place, best[key[:-rank_bytes]][1]))
    return found


def _keys(path: Path, width: int) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(width * BLOCK_KEYS):
            for start in range(0, len(block), width):
                yield block[start : start + width]
