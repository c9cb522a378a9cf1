"""Connected components (union-find) over positions that link to each other."""

from array import array
from collections.abc import Sequence


def components(*links: "array[int]") -> "array[int]":
    """Return for each position the first position of its component.

    Args:
        links: arrays of one length; each says of every place another one, or itself, that it belongs to.
    """
    first = array("q", range(len(links[0])))
    for link in links:
        for place, other in enumerate(link):
            if place != other:
                low, high = sorted((_root(first, place), _root(first, other)))
                first[high] = low
    for place in range(len(first)):
        first[place] = first[first[place]]
    return first


def _root(first: "array[int]", place: int) -> int:
    while first[place] != place:
        first[place] = first[first[place]]
        place = first[place]
    return place


def is_single(first: Sequence[int]) -> bytearray:
    """Return for each position 1 if its component has no other member."""
    found = bytearray(b"\1") * len(first)
    for place, other in enumerate(first):
        if place != other:
            found[place] = found[other] = 0
    return found
