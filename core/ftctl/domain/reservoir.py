"""So many items of a stream, each as likely as any other."""

import random
from collections.abc import Iterator
from typing import TypeVar

T = TypeVar("T")


def reservoir(items: Iterator[T], count: int, draw: random.Random) -> list[T]:
    """All of a shorter stream; else one after the other takes the place of one before it (reservoir sampling)."""
    kept: list[T] = []
    for number, item in enumerate(items):
        if len(kept) < count:
            kept.append(item)
        elif (place := draw.randrange(number + 1)) < count:
            kept[place] = item
    return kept
