"""Estimate the memory of a training by phase, from shapes, options and the largest batch."""

from attrs import frozen

from ftctl.domain.resources import LargestBatch, ModelShape, TrainingData
from ftctl_adapters.modeling.cache_size import CACHE
from ftctl_adapters.training.options import TrainingOptions

LIBRARIES = 300_000_000
"""Resident bytes of Python with torch, transformers and PEFT in use, before any weight; torch 2.13 on Linux."""

MEASURING = 90_000_000
"""Bytes that the libraries of common evaluators add."""

NEW_TOKENS = 128
"""Tokens of an answer, for a plan that does not know the evaluators' options; most of them have this default."""

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
class Held:
    """Weights of a training: ``trained`` parameters, which are ``added`` to the model or its own.

    ``quantised`` bytes of the base model, 0 if it has a single dtype; ``frozen`` parameters that products are made
    with, and which are there in other layouts too.
    """

    trained: int
    added: bool
    quantised: int = 0
    frozen: int = 0


@frozen
class Kept:
    """Activations of one pass, in tensors that a layer keeps (`layer_bytes`) for each token.

    ``layers`` is what the allocator holds for a layer that is kept, ``passing`` are layers that exist while gradients
    are computed. Fitted to peaks of two models, 57.7 M parameters in eight layers and 134.5 M in thirty, one to eight
    sequences of 512 (`tests/bench/plan.py`, `tests/bench/plan_real_model.py`): within 11 % of all 22.
    """

    width: int
    layers: float
    passing: float


RECOMPUTED = 5.25
"""Layers that exist while one is computed again, with gradient checkpointing."""


def memory_by_phase(shape: ModelShape, options: TrainingOptions, held: Held, data: TrainingData) -> dict[str, int]:
    """Return bytes of each process while training, evaluating and saving.

    Training holds the weights (``held.quantised`` bytes where they are quantised), and for every trained parameter a
    gradient and the state of the optimizer; parameters that are added to the model are float32. In bfloat16 the frozen
    parameters are there twice more. To this come what the pass keeps (`activations`) and the logits of a chunk of
    positions. Without a largest batch, all rows are taken as ``max_length`` long: an upper bound. While saving, the
    model is read again in float32 to make golden cases; what training has freed is mostly not given back.
    """
    width = _width(shape, options)
    kept = Kept(width, 1.5, 0) if held.added else Kept(width, 0.8, 8)
    if held.quantised:
        # PEFT prepares a quantised base with norms, embeddings and therefore all hidden states in float32
        kept = Kept(4, 1.8, 6)
    base, adapter = weight_bytes(shape, options, held)
    head = shape.vocabulary * shape.hidden_size * width
    logits = int(HEAD_CHUNK * shape.vocabulary * 4 * 3.2)
    laid_out = min(4 * held.frozen, LAID_OUT) if width == 2 and not held.quantised and not options.fp16 else 0
    # one weight at a time is there once more while it is laid out; the head's is the largest
    laid_out += head if laid_out else 0
    whole_head = 0 if held.added else head
    batch = data.largest_batch or _longest_allowed(shape, options, data.sequences_per_row)
    states = adapter + optimizer_bytes(shape, options, held)
    train = base + states + activations(shape, options, kept, batch) + logits + whole_head + laid_out
    phases = {
        "train": train,
        "evaluate": base + adapter + MEASURING + _answering(shape, width, held, data, batch.longest),
        "save": train + shape.parameters * (4 if held.added else 2),
    }
    return {phase: LIBRARIES + size for phase, size in phases.items()}


def _answering(shape: ModelShape, width: int, held: Held, data: TrainingData, longest: int) -> int:
    """Return the bytes of the largest batch of answers: keys, values, and what a layer makes of its tokens at once."""
    cached = [rows for name, (rows, _) in shape.linear.items() if name.endswith(("k_proj.weight", "v_proj.weight"))]
    token = width * (sum(cached) or 2 * shape.hidden_size * shape.layers)
    tokens = CACHE // max(token, 1)
    if data.test_rows is not None:
        tokens = min(tokens, data.test_rows * (longest + NEW_TOKENS))
    made = width * (2 * shape.hidden_size + 3 * _mlp(shape)) + (5 * _mlp(shape) if held.added else 0)
    return tokens * (token + made)


def optimizer_bytes(shape: ModelShape, options: TrainingOptions, held: Held) -> int:
    """Return the bytes of gradients and optimizer state."""
    return int(held.trained * (4 if held.added else _width(shape, options)) * (1 + STATE[options.optim]))


def weight_bytes(shape: ModelShape, options: TrainingOptions, held: Held) -> tuple[int, int]:
    """Return the bytes of the base model and of the parameters added to it."""
    return held.quantised or shape.parameters * _width(shape, options), held.trained * 4 if held.added else 0


def _width(shape: ModelShape, options: TrainingOptions) -> int:
    half = options.fp16 or (options.bf16 if options.bf16 is not None else "16" in shape.dtype)
    return 2 if half else 4


def _longest_allowed(shape: ModelShape, options: TrainingOptions, sequences_per_row: int) -> LargestBatch:
    length = min(options.max_length, shape.max_positions or options.max_length)
    sequences = options.per_device_train_batch_size * sequences_per_row
    return LargestBatch(sequences, length, sequences * length)


def activations(shape: ModelShape, options: TrainingOptions, kept: Kept, batch: LargestBatch) -> int:
    """Return the bytes held for the backward pass of one batch, with what passing gradients take."""
    length, tokens = batch.tokens / batch.sequences, batch.tokens
    if shape.architecture not in UNPADDED:
        length, tokens = batch.longest, batch.longest * batch.sequences
    layer = layer_bytes(shape, options, kept.width, length)
    if options.gradient_checkpointing:
        inputs = kept.layers * shape.layers * kept.width * shape.hidden_size
        return int(tokens * (inputs + RECOMPUTED * layer))
    return int(tokens * layer * (kept.layers * shape.layers + kept.passing))


def layer_bytes(shape: ModelShape, options: TrainingOptions, width: int, length: float) -> float:
    """Return the bytes that a layer keeps for a token.

    Five tensors of the hidden width (the inputs of two norms, of the projections, the MLP and the output projection),
    two of the MLP's, queries, keys and values twice over, and for every head the scores of the keys it sees. After
    Korthikanti et al., Reducing Activation Recomputation in Large Transformer Models, 2022, section 4.1, counted for
    the kernels that are used here.
    """
    separate = options.packing and options.packing_attention == "separate"
    masked = separate and shape.architecture not in UNPADDED
    seen = length if masked else length / 2 + ATTENTION_BLOCK / 2
    scores = shape.heads * seen if length <= LONGEST_SCORES else 0
    return width * (7 * shape.hidden_size + 2 * _mlp(shape) + scores)


def _mlp(shape: ModelShape) -> int:
    return max((out for out, _ in shape.linear.values()), default=4 * shape.hidden_size)
