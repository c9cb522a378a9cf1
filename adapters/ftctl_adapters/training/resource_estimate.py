"""Estimate trained parameters, steps, memory and disk of a training from shapes."""

import math

from ftctl.domain.resources import ModelShape, ResourcePlan, TrainingData
from ftctl.errors import ConfigInvalid
from ftctl_adapters.training.memory_estimate import Held, memory_by_phase, optimizer_bytes, weight_bytes
from ftctl_adapters.training.options import TrainingOptions


def estimate(shape: ModelShape, options: TrainingOptions, held: Held, train_rows: int | None) -> ResourcePlan:
    """Estimate parameters, steps, and bytes on disk and in memory, for each process."""
    if options.max_steps == 0:
        raise ConfigInvalid("tuner.max_steps: must be -1 or at least 1, not 0: nothing would be trained")
    base, adapter = weight_bytes(shape, options, held)
    checkpoints = optimizer_bytes(shape, options, held) * (options.save_total_limit + 2)
    return ResourcePlan(
        trained_parameters=held.trained,
        total_parameters=shape.parameters + (held.trained if held.added else 0),
        memory=memory_by_phase(shape, options, held, TrainingData(train_rows)),
        disk=shape.weight_bytes * 4 + (adapter or base) + checkpoints,
        steps=_steps(options, train_rows),
    )


def _steps(options: TrainingOptions, train_rows: int | None) -> int | None:
    if options.max_steps > 0 or train_rows is None:
        return options.max_steps if options.max_steps > 0 else None
    batches = math.ceil(train_rows / options.per_device_train_batch_size)
    return math.ceil(batches / options.gradient_accumulation_steps) * options.num_train_epochs
