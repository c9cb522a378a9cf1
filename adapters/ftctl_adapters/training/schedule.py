"""The learning rate as a function of the step."""

import math


def learning_rate(peak: float, kind: str, step: int, total: int, warmup_ratio: float) -> float:
    """The rate of a step counted from 0: a linear rise, then ``cosine`` or ``linear`` to 0, or ``constant``."""
    warmup = math.ceil(total * warmup_ratio)
    if step < warmup:
        return peak * (step + 1) / warmup
    if kind == "constant":
        return peak
    progress = (step - warmup) / max(1, total - warmup)
    return peak * (0.5 * (1 + math.cos(math.pi * progress)) if kind == "cosine" else 1 - progress)
