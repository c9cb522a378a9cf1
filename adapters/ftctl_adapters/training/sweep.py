"""The learning-rate range test. Smith, Cyclical Learning Rates for Training Neural Networks, 2017."""

import math
import time
from itertools import cycle, islice
from typing import Any

from ftctl.domain.event import STEP_FINISHED
from ftctl.domain.sweep import Sweep
from ftctl.errors import NoUsableRows
from ftctl.ports import Objective, StageContext
from ftctl_adapters.training.engines.engine import Engine
from ftctl_adapters.training.engines.group import Group
from ftctl_adapters.training.options import TrainingOptions
from ftctl_adapters.training.sample_order import epoch_steps
from ftctl_adapters.training.training_rows import Rows

LOWEST, HIGHEST, STEPS = 1e-7, 1.0, 100
SMOOTHING = 0.8
TOO_MUCH = 3.0
"""The sweep ends when the running mean is so many times its lowest."""


def sweep(
    model: Any, objective: Objective, rows: Rows, options: TrainingOptions, pad_id: int, context: StageContext
) -> Sweep:
    """Train while the rate rises from 1e-7 to 1, a step a rate, until the loss runs away.

    Raises:
        NoUsableRows: it ran away before there was anything to see.
    """
    engine = Engine(model, objective, options, Group())
    size, together = options.per_device_train_batch_size, options.gradient_accumulation_steps
    groups = epoch_steps(rows.lengths, size, together, context.seed, 0)
    points: list[tuple[float, float]] = []
    mean, tokens, began = 0.0, 0, time.monotonic()
    model.train()
    for step, group_rows in enumerate(islice(cycle(groups), STEPS)):
        context.stop_if_cancelled()
        rate = LOWEST * (HIGHEST / LOWEST) ** (step / (STEPS - 1))
        batches = [(rows.batch(numbers, pad_id), True) for numbers in group_rows]
        loss, _ = engine.backward(batches)
        engine.update(rate)
        mean = SMOOTHING * mean + (1 - SMOOTHING) * loss
        smoothed = mean / (1 - SMOOTHING ** (step + 1))
        if not math.isfinite(smoothed) or smoothed > TOO_MUCH * min([*(value for _, value in points), smoothed]):
            break
        points.append((rate, smoothed))
        tokens += sum(int(batch.mask.sum()) for batch, _ in batches)
        speed = tokens / max(time.monotonic() - began, 1e-9)
        told = {"loss": smoothed, "learning_rate": rate, "tokens_per_second": round(speed, 1)}
        context.emit(STEP_FINISHED, step=step + 1, total=STEPS, **told)
    return Sweep(tuple(points), _steepest(points))


def _steepest(points: list[tuple[float, float]]) -> float:
    """Return the rate at which the running mean falls fastest a decade, over a window of a tenth of the sweep."""
    window = STEPS // 10
    falls = [(points[place][1] - points[place - window][1], points[place][0]) for place in range(window, len(points))]
    if not falls:
        raise NoUsableRows("the loss ran away at the lowest rates", next_step="look at the data: --show-labels 3")
    return min(falls)[1]
