"""Interleave streams by sampling weight, with the rules of `datasets.interleave_datasets`."""

import random
from collections.abc import Iterator, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
FIRST, ALL = "first_exhausted", "all_exhausted_without_replacement"
RULES = (FIRST, ALL)


class Drawn(Generic[T]):
    """Items drawn from several streams, reproducible by seed; ``taken`` counts them by stream."""

    def __init__(self, streams: Sequence[Iterator[T]], shares: Sequence[float], rule: str, seed: int) -> None:
        self._streams, self._shares, self._rule, self._seed = streams, shares, rule, seed
        self.taken = [0] * len(streams)

    def __iter__(self) -> Iterator[T]:
        draw = random.Random(self._seed)  # noqa: S311 - shares of rows, not secrets
        left = dict(enumerate(self._streams))
        while left:
            (number,) = draw.choices(list(left), [self._shares[number] for number in left])
            try:
                item = next(left[number])
            except StopIteration:
                if self._rule == FIRST:
                    return
                del left[number]
                continue
            self.taken[number] += 1
            yield item
