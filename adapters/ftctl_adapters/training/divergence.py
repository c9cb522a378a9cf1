"""Divergence detection."""

import math

from ftctl.errors import TrainingDiverged
from ftctl_adapters.training.checkpoint import TrainState

MARGIN = 1.0
"""A loss so close to the limit, in nats, is not divergence: losses near 0 may well double, and batches differ."""

FIRST_ROWS = 16
"""Rows whose loss is measured before anything is learnt: enough that one odd row is no measure, and soon done."""

SMOOTHING = 0.9
"""Share of the running mean loss that is kept at every step."""

OUTLIER = 2.0
"""Times the limit of the running mean: a step enters the mean as no more, and one beyond it is told with its rows."""


def refuse_not_finite(loss: float, norm: float, step: int) -> None:
    """Raise `TrainingDiverged` if the loss or the gradient norm is not finite."""
    if math.isfinite(loss) and math.isfinite(norm):
        return
    raise TrainingDiverged(
        f"loss {loss} and gradient norm {norm} at step {step}: reason=nan_loss",
        next_step="lower tuner.learning_rate; the last finite checkpoint is kept",
    )


def is_outlier(loss: float, state: TrainState, ratio: float | None) -> bool:
    """Return True if one step's loss alone is more than twice the limit of the running mean."""
    return ratio is not None and state.first_loss is not None and loss > OUTLIER * _limit(ratio, state.first_loss)


def refuse_divergence(loss: float, state: TrainState, ratio: float | None) -> None:
    """Add a step's loss to the running mean; raise `TrainingDiverged` if that is far too high.

    The mean begins with the loss before training: the first batch may be far harder than the others. One step enters
    it at most as twice its limit: rows that are unlike all others, and that no later step repeats, are no divergence.
    """
    first = state.first_loss
    if state.smoothed_loss is None:
        state.smoothed_loss = loss if first is None else first
    bounded = loss if ratio is None or first is None else min(loss, OUTLIER * _limit(ratio, first))
    state.smoothed_loss = SMOOTHING * state.smoothed_loss + (1 - SMOOTHING) * bounded
    if ratio is None or first is None or state.smoothed_loss <= _limit(ratio, first):
        return
    means = f"running mean loss {state.smoothed_loss:.4g}, {first:.4g} before training"
    raise TrainingDiverged(
        f"{means}, more than {ratio:g} times, at step {state.step + 1}: reason=diverged",
        next_step="lower tuner.learning_rate; the last checkpoint is kept; tuner.divergence_ratio is the limit",
    )


def _limit(ratio: float, first: float) -> float:
    return ratio * first + MARGIN
