"""What training will need, from shapes alone."""

import math

from ftctl.domain.resources import ModelShape, ResourcePlan
from ftctl.errors import ConfigInvalid
from ftctl_adapters.training.options import TrainingOptions

LIBRARIES = 400_000_000
"""Resident bytes of Python with torch, transformers and PEFT before any weight; measured with torch 2.13 on Linux."""

STATE = {"adamw_torch": 2.0, "lion_32bit": 1.0, "adamw_8bit": 0.5, "adafactor": 0.0, "sgd": 0.0}
"""What the optimizer keeps, in multiples of a trained parameter: two moments, one, two of a byte; Adafactor's row and
column means are too small to count (Shazeer and Stern, 2018)."""


def estimate(
    shape: ModelShape, trained: int, options: TrainingOptions, train_rows: int | None, *, added: bool, weights: int = 0
) -> ResourcePlan:
    """Trained parameters, steps, and bytes in memory by phase.

    Training holds the weights (``weights`` bytes where they are not all in one dtype), and for every trained parameter
    a gradient and the state of the optimizer; parameters that are ``added`` to the model are float32. Activations kept
    for the backward pass are about 34 · length · batch · hidden · layers bytes in a 16-bit dtype (Korthikanti et al.,
    Reducing Activation Recomputation in Large Transformer Models, 2022, eq. 1 without the attention term). The length
    is taken as ``max_length``, so the figure is an upper bound for shorter data.
    """
    if options.max_steps == 0:
        raise ConfigInvalid("tuner.max_steps: must be -1 or at least 1, not 0: nothing would be trained")
    width = 2 if options.fp16 or (options.bf16 if options.bf16 is not None else "16" in shape.dtype) else 4
    weights = weights or shape.parameters * width
    adapter = trained * 4 if added else 0
    per_trained = 4 if added else width
    kept = STATE[options.optim]
    length = min(options.max_length, shape.max_positions or options.max_length)
    tokens = length * options.per_device_train_batch_size
    activations = int(34 * tokens * shape.hidden_size * shape.layers * width / 2)
    trained_bytes = int(trained * per_trained * (1 + kept))
    train = weights + adapter + trained_bytes + activations
    saved = adapter or weights
    phases = {"train": train, "evaluate": weights + adapter, "save": weights + 2 * saved}
    return ResourcePlan(
        trained_parameters=trained,
        total_parameters=shape.parameters + (trained if added else 0),
        memory={phase: LIBRARIES + size for phase, size in phases.items()},
        disk=shape.weight_bytes * 4 + saved + trained_bytes * (options.save_total_limit + 2),
        steps=_steps(options, train_rows),
    )


def _steps(options: TrainingOptions, train_rows: int | None) -> int | None:
    if options.max_steps > 0 or train_rows is None:
        return options.max_steps if options.max_steps > 0 else None
    batches = math.ceil(train_rows / options.per_device_train_batch_size)
    return math.ceil(batches / options.gradient_accumulation_steps) * options.num_train_epochs
