"""Learning rate as a function of the step, equal to the schedules of transformers (``get_scheduler``)."""

import math

from ftctl_adapters.training.options import TrainingOptions

CONSTANT = "constant"
"""The schedule without warm-up."""


def warmup_steps(options: TrainingOptions, total: int) -> int:
    """Return the number of warm-up steps: those given, else their share of the total; none if the rate is constant."""
    if options.lr_scheduler_type == CONSTANT:
        return 0
    # a share of one step would be all of it, and at a rate of 0 nothing is learned
    return options.warmup_steps or (math.ceil(total * options.warmup_ratio) if total > 1 else 0)


def learning_rate(peak: float, kind: str, step: int, total: int, warmup: int) -> float:
    """Return the rate of a step counted from 0.

    A linear warm-up begins at 0 and reaches the peak at step ``warmup``; then ``cosine`` and ``linear`` fall to 0.
    """
    if step < warmup:
        return peak * step / warmup
    if kind.startswith(CONSTANT):
        return peak
    progress = (step - warmup) / max(1, total - warmup)
    return peak * max(0.0, 0.5 * (1 + math.cos(math.pi * progress)) if kind == "cosine" else 1 - progress)
