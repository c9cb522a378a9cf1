"""The learning rate as a function of the step."""

import math


def warmup_steps(steps: int, ratio: float, total: int) -> int:
    """Return the number of warm-up steps: ``steps`` if given, else their share of the total."""
    return steps or math.ceil(total * ratio)


def learning_rate(peak: float, kind: str, step: int, total: int, warmup: int) -> float:
    """Return the rate of a step counted from 0: linear warm-up, then ``cosine`` or ``linear`` to 0, or ``constant``."""
    if step < warmup:
        return peak * (step + 1) / warmup
    if kind == "constant":
        return peak
    progress = (step - warmup) / max(1, total - warmup)
    return peak * (0.5 * (1 + math.cos(math.pi * progress)) if kind == "cosine" else 1 - progress)
