"""Calibration error, and its level under perfect calibration."""

import math
import random
from collections.abc import Iterator, Sequence
from itertools import pairwise

from ftctl.domain.statistics.selection_bounds import ONE_SIDE

DRAWS, NOISES = 200, 800
"""Of what chance would show on average, and of what it shows at most."""


def calibration_error(sure: Sequence[float], right: Sequence[float], bins: int) -> float:
    """Return the expected calibration error: mean distance of probability and accuracy, in groups of equal size."""
    groups = list(_groups(sure, right, bins))
    return math.fsum(abs(math.fsum(p - hit for p, hit in group)) for group in groups) / len(sure)


def by_chance(sure: Sequence[float], bins: int) -> float:
    """Return the expected error of a perfectly calibrated model."""
    draw = random.Random(1)  # noqa: S311 - reproducible, not secret
    drawn = ([float(draw.random() < p) for p in sure] for _ in range(DRAWS))
    return math.fsum(calibration_error(sure, right, bins) for right in drawn) / DRAWS


def noise(sure: Sequence[float], right: Sequence[float], bins: int) -> float:
    """Return the 97.5 % quantile of the calibration error of a perfectly calibrated model.

    No error is farther from the true one than the shares are from theirs. Of fewer than ten answers a group's share is
    too little to draw with.
    """
    draw = random.Random(2)  # noqa: S311 - reproducible, not secret
    groups = [(len(group), _least_sure(group)) for group in _groups(sure, right, bins)]
    found = sorted(
        math.fsum(abs(sum(draw.random() < share for _ in range(count)) - count * share) for count, share in groups)
        for _ in range(NOISES)
    )
    return found[math.ceil((1 - ONE_SIDE) * NOISES) - 1] / len(sure)


def around(error: float, room: float) -> tuple[float, float]:
    """Return bounds of an error with this possible deviation."""
    return max(0.0, error - room), min(1.0, error + room)


def _least_sure(group: Sequence[tuple[float, float]]) -> float:
    """Return the share with the largest variance between predicted and observed.

    The latter as if there were two more answers of either kind: what is never wrong in ten answers may be in others.
    """
    predicted = math.fsum(p for p, _ in group) / len(group)
    seen = (math.fsum(hit for _, hit in group) + 2) / (len(group) + 4)
    return min(predicted, seen, key=lambda share: abs(share - 0.5))


def _groups(sure: Sequence[float], right: Sequence[float], bins: int) -> Iterator[list[tuple[float, float]]]:
    """Return probability and accuracy of each group, by rising probability.

    Answers that are as probable count as one with the mean of their shares, so that their order means nothing.
    """
    same: dict[float, list[float]] = {}
    for p, hit in zip(sure, right, strict=True):
        same.setdefault(p, []).append(hit)
    pairs, n = [(p, math.fsum(same[p]) / len(same[p])) for p in sorted(sure)], len(sure)
    for start, end in pairwise(place * n // bins for place in range(bins + 1)):
        if end > start:
            yield pairs[start:end]
