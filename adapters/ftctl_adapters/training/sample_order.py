"""Order of examples: a function of seed and epoch, never stored, so that resuming needs no replay."""

import hashlib
from collections.abc import Sequence
from typing import Any

GROUP = 32
"""Optimizer steps whose rows are sorted by length together: little padding, and still a random order."""

Step = list[list[int]]
"""Batches of one optimizer step, each a list of row numbers."""


def epoch_steps(lengths: Any, batch_size: int, together: int, seed: int, epoch: int) -> list[Step]:
    """Return the optimizer steps of an epoch; rows of similar length share a step.

    A step has the same rows however it is divided: 8 batches of 1 train on what 1 batch of 8 does. The step with
    the longest row comes first, then that with the most tokens, and each begins with its longest rows: what does not
    fit in memory fails at once, and what does leaves room that every later batch fits into.

    Args:
        lengths: tokens of every row, a sequence of integers.
        batch_size: rows a batch; the last one of an epoch may be smaller.
        together: batches a step, over all processes.
        seed: of the run.
        epoch: counted from 0.
    """
    import numpy

    sizes, size = numpy.asarray(lengths, dtype=numpy.int64), batch_size * together
    rows = shuffled(len(sizes), f"{seed}/{epoch}/rows")
    window = size * GROUP
    steps: list[Any] = []
    for start in range(0, len(rows), window):
        chunk = rows[start : start + window]
        chunk = chunk[numpy.argsort(sizes[chunk], kind="stable")]
        steps += [chunk[place : place + size][::-1] for place in range(0, len(chunk), size)]
    ordered = [steps[place].tolist() for place in shuffled(len(steps), f"{seed}/{epoch}/batches")]
    # the longest row may stand in a step of few, and then another step needs more where batches are large
    longest = max(range(len(ordered)), key=lambda place: int(sizes[ordered[place]].max()))
    ordered[0], ordered[longest] = ordered[longest], ordered[0]
    if len(ordered) > 1:
        largest = max(range(1, len(ordered)), key=lambda at: len(ordered[at]) * int(sizes[ordered[at]].max()))
        ordered[1], ordered[largest] = ordered[largest], ordered[1]
    return [_divided(step, batch_size) for step in ordered]


def _divided(rows: list[int], size: int) -> Step:
    return [rows[place : place + size] for place in range(0, len(rows), size)]


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


def spread(steps: Sequence[Step], count: int) -> list[int]:
    """Return ``count`` rows spread evenly over the steps after the first, or over all if those are too few."""
    rows = [row for step in steps[1:] for batch in step for row in batch]
    if len(rows) < count:
        rows = [row for step in steps for batch in step for row in batch]
    apart = max(len(rows) / count, 1.0)
    return [rows[int((place + 0.5) * apart)] for place in range(min(count, len(rows)))]
