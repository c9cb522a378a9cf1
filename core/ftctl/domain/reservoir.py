"""Uniform random samples of a stream (reservoir sampling)."""

import random
from collections.abc import Iterator
from typing import TypeVar

T = TypeVar("T")


def reservoir(items: Iterator[T], count: int, draw: random.Random) -> list[T]:
    """Return ``count`` items of the stream, each equally likely; all of a shorter stream."""
    kept: list[T] = []
    for number, item in enumerate(items):
        if len(kept) < count:
            kept.append(item)
        elif (place := draw.randrange(number + 1)) < count:
            kept[place] = item
    return kept
