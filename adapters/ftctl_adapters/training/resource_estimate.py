"""Estimate memory, disk and steps of a training from shapes."""

import math

from attrs import frozen

from ftctl.domain.resources import ModelShape, ResourcePlan
from ftctl.errors import ConfigInvalid
from ftctl_adapters.training.options import TrainingOptions

LIBRARIES = 425_000_000
"""Resident bytes of Python with torch, transformers and PEFT in use, before any weight; torch 2.13 on Linux."""

STATE = {"adamw_torch": 2.0, "lion_32bit": 1.0, "adamw_8bit": 0.5, "adafactor": 0.0, "sgd": 0.0}
"""What the optimizer keeps, in multiples of a trained parameter: two moments, one, two of a byte; Adafactor's row and
column means are too small to count (Shazeer and Stern, 2018)."""

HEAD_CHUNK = 256
"""Positions whose logits exist at a time; see `ftctl_adapters.kernels.head_loss`."""

ATTENTION_BLOCK, LONGEST_SCORES = 128, 1024
"""Queries at a time, and the length up to which scores are kept; see `ftctl_adapters.kernels.block_attention`."""

UNPADDED = {f"{family}ForCausalLM" for family in ("Llama", "Mistral", "Qwen2", "Qwen3")}
"""Architectures whose attention sees each text alone; see `ftctl_adapters.kernels.self_attention`."""

LAID_OUT = 2 << 30
"""Bytes of frozen weights in other layouts, at most; see `ftctl_adapters.kernels.frozen_weight`."""


@frozen
class Kept:
    """Activations of one pass: bytes kept for the backward pass, and the peak beyond them.

    ``gated`` tensors of the width of the MLP are kept a layer: its two halves, or what the plain module keeps beside
    them. ``held`` is what the allocator holds for a byte that is kept: sizes differ from layer to layer and from batch
    to batch, and freed blocks do not always fit. Measured as peak memory over tensors saved, for 57.7 M parameters and
    one to eight sequences of 512, by `tests/bench/plan.py`.
    """

    gated: int
    width: int
    held: float


def estimate(
    shape: ModelShape,
    trained: int,
    options: TrainingOptions,
    train_rows: int | None,
    *,
    added: bool,
    weights: int = 0,
    frozen: int = 0,
) -> ResourcePlan:
    """Estimate trained parameters, steps, and bytes in memory by phase, for each process.

    Training holds the weights (``weights`` bytes where they are quantised), and for every trained parameter a gradient
    and the state of the optimizer; parameters that are ``added`` to the model are float32. In bfloat16 the ``frozen``
    parameters that products are made with are there twice more, in the layouts that these want. To this come what the
    pass keeps (`activations`) and the logits of a chunk of positions. The length is taken as ``max_length``, so the
    figure is an upper bound for shorter data. For the phases: training; evaluating; saving, where the model is read
    again in float32 to make golden cases.
    """
    if options.max_steps == 0:
        raise ConfigInvalid("tuner.max_steps: must be -1 or at least 1, not 0: nothing would be trained")
    width = 2 if options.fp16 or (options.bf16 if options.bf16 is not None else "16" in shape.dtype) else 4
    adapter = trained * 4 if added else 0
    trained_bytes = int(trained * (4 if added else width) * (1 + STATE[options.optim]))
    kept = Kept(2, width, 1.55) if added else Kept(4, width, 1.4)
    if weights:
        # PEFT prepares a quantised base with norms, embeddings and therefore all hidden states in float32
        kept = Kept(4, 4, 1.9)
    base = weights or shape.parameters * width
    logits = HEAD_CHUNK * shape.vocabulary * kept.width * 2
    laid_out = min(4 * frozen, LAID_OUT) if width == 2 and not weights and not options.fp16 else 0
    # one weight at a time is there once more while it is laid out; the head's is the largest
    laid_out += shape.vocabulary * shape.hidden_size * width if laid_out else 0
    whole_head = 0 if added else shape.vocabulary * shape.hidden_size * width
    train = base + adapter + trained_bytes + activations(shape, options, kept) + logits + whole_head + laid_out
    phases = {"train": train, "evaluate": base + adapter, "save": shape.parameters * 4 + 2 * adapter}
    saved = adapter or base
    return ResourcePlan(
        trained_parameters=trained,
        total_parameters=shape.parameters + (trained if added else 0),
        memory={phase: LIBRARIES + size for phase, size in phases.items()},
        disk=shape.weight_bytes * 4 + saved + trained_bytes * (options.save_total_limit + 2),
        steps=_steps(options, train_rows),
    )


def activations(shape: ModelShape, options: TrainingOptions, kept: Kept) -> int:
    """Return the bytes held for the backward pass of one batch.

    A layer keeps, for every token, five tensors of the hidden width (the inputs of two norms, of the projections, the
    MLP and the output projection), those of the MLP, its queries, keys and values twice over, and for every head the
    scores of the keys it sees. With gradient checkpointing, one tensor of the hidden width, and one layer in full.
    After Korthikanti et al., Reducing Activation Recomputation in Large Transformer Models, 2022, section 4.1, counted
    for the kernels that are used here.
    """
    length = min(options.max_length, shape.max_positions or options.max_length)
    tokens = length * options.per_device_train_batch_size
    hidden, mlp = shape.hidden_size, max((out for out, _ in shape.linear.values()), default=4 * shape.hidden_size)
    separate = options.packing and options.packing_attention == "separate"
    masked = separate and shape.architecture not in UNPADDED
    seen = length if masked else length / 2 + ATTENTION_BLOCK / 2
    scores = shape.heads * seen if length <= LONGEST_SCORES else 0
    layer = kept.width * (5 * hidden + kept.gated * mlp + 2 * hidden + scores)
    if options.gradient_checkpointing:
        return int(kept.held * tokens * (layer + shape.layers * kept.width * hidden))
    return int(kept.held * tokens * layer * shape.layers)


def _steps(options: TrainingOptions, train_rows: int | None) -> int | None:
    if options.max_steps > 0 or train_rows is None:
        return options.max_steps if options.max_steps > 0 else None
    batches = math.ceil(train_rows / options.per_device_train_batch_size)
    return math.ceil(batches / options.gradient_accumulation_steps) * options.num_train_epochs
