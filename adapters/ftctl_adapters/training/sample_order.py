"""Order of examples: a function of seed and epoch, never stored, so that resuming needs no replay."""

import hashlib
from collections.abc import Sequence
from typing import Any

GROUP = 32
"""Batches that are sorted by length together: little padding, and still a random order."""


def epoch_batches(lengths: Any, batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """Return the batches of an epoch as row numbers; rows of similar length share a batch.

    The batch with the most tokens comes first: what does not fit in memory fails at once, and what does leaves room
    that every later batch fits into.

    Args:
        lengths: tokens of every row, a sequence of integers.
        batch_size: rows a batch; the last one may be smaller.
        seed: of the run.
        epoch: counted from 0.
    """
    import numpy

    sizes = numpy.asarray(lengths, dtype=numpy.int64)
    rows = shuffled(len(sizes), f"{seed}/{epoch}/rows")
    window = batch_size * GROUP
    batches: list[Any] = []
    for start in range(0, len(rows), window):
        chunk = rows[start : start + window]
        chunk = chunk[numpy.argsort(sizes[chunk], kind="stable")]
        batches += [chunk[place : place + batch_size] for place in range(0, len(chunk), batch_size)]
    ordered = [batches[place].tolist() for place in shuffled(len(batches), f"{seed}/{epoch}/batches")]
    heaviest = max(range(len(ordered)), key=lambda place: len(ordered[place]) * int(sizes[ordered[place]].max()))
    ordered[0], ordered[heaviest] = ordered[heaviest], ordered[0]
    return ordered


def shuffled(count: int, salt: str) -> Any:
    """Return the numbers below ``count`` in an order that depends only on the salt, int64.

    Sorted by SplitMix64 of salt and number (Steele, Lea and Flood, Fast Splittable Pseudorandom Number Generators,
    2014), which no version of a library changes.
    """
    import numpy

    start = numpy.uint64(int.from_bytes(hashlib.sha256(salt.encode()).digest()[:8], "big"))
    with numpy.errstate(over="ignore"):
        mixed = start + numpy.arange(1, count + 1, dtype=numpy.uint64) * numpy.uint64(0x9E3779B97F4A7C15)
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
            mixed = (mixed ^ (mixed >> numpy.uint64(shift))) * numpy.uint64(factor)
        mixed ^= mixed >> numpy.uint64(31)
    return numpy.argsort(mixed, kind="stable")


def grouped(batches: Sequence[list[int]], accumulation: int) -> list[list[list[int]]]:
    """Yield the batches of every optimizer step."""
    return [list(batches[start : start + accumulation]) for start in range(0, len(batches), accumulation)]


def spread(batches: Sequence[list[int]], count: int) -> list[int]:
    """Return ``count`` rows spread evenly over the batches after the first, or over all if those are too few."""
    rows = [row for batch in batches[1:] for row in batch]
    if len(rows) < count:
        rows = [row for batch in batches for row in batch]
    step = max(len(rows) / count, 1.0)
    return [rows[int((place + 0.5) * step)] for place in range(min(count, len(rows)))]
