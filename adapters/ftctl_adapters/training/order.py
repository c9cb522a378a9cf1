"""In which order examples are seen: computed from seed and epoch, never stored, so a resumed run needs no replay."""

import random
from collections.abc import Sequence

GROUP = 32
"""Batches that are sorted by length together: little padding, and still a random order."""


def epoch_batches(lengths: Sequence[int], batch_size: int, seed: int, epoch: int) -> list[list[int]]:
    """The batches of an epoch as row numbers; rows of similar length share a batch.

    Args:
        lengths: tokens of every row.
        batch_size: rows a batch; the last one may be smaller.
        seed: of the run.
        epoch: counted from 0.
    """
    draw = random.Random(f"{seed}/{epoch}")
    rows = list(range(len(lengths)))
    draw.shuffle(rows)
    window = batch_size * GROUP
    batches: list[list[int]] = []
    for start in range(0, len(rows), window):
        chunk = sorted(rows[start : start + window], key=lambda row: lengths[row])
        batches += [chunk[place : place + batch_size] for place in range(0, len(chunk), batch_size)]
    draw.shuffle(batches)
    return batches


def grouped(batches: Sequence[list[int]], accumulation: int) -> list[list[list[int]]]:
    """The batches of every optimizer step."""
    return [list(batches[start : start + accumulation]) for start in range(0, len(batches), accumulation)]
