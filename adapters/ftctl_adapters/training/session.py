"""What every tuner over the engine does around the loop: load, prepare, train, save."""

import json
from pathlib import Path
from typing import Any

from attrs import define

from ftctl.domain import event as events
from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.codec import digest, to_plain
from ftctl.domain.format import ADAPTERS, PEFT_ADAPTER
from ftctl.domain.sweep import Sweep
from ftctl.errors import ConfigInvalid
from ftctl.plugin import read_split
from ftctl.ports import Objective, StageContext
from ftctl_adapters.modeling.encoder import ExampleEncoder
from ftctl_adapters.modeling.golden import write_golden
from ftctl_adapters.modeling.labels import show_labels
from ftctl_adapters.modeling.load import load_whole
from ftctl_adapters.modeling.merge import merged
from ftctl_adapters.modeling.take_along import take_along
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_adapters.training.allocator import keep_freed_memory
from ftctl_adapters.training.checkpoint import TrainState
from ftctl_adapters.training.constants import add_constants
from ftctl_adapters.training.engine_tuner import EngineTuner
from ftctl_adapters.training.options import TrainingOptions
from ftctl_adapters.training.packing import pack
from ftctl_adapters.training.prepare import Prepared, prepare
from ftctl_adapters.training.rows import Row, Rows
from ftctl_adapters.training.sweep import sweep
from ftctl_adapters.training.trainer import Trainer


@define
class Ready:
    """A model that can be trained and what it is trained on."""

    model: Any
    rows: Rows
    validation: Rows
    prepared: Prepared
    tokenizer: ChatTokenizer


def train(
    tuner: EngineTuner[Any], model: Artifact, data: Artifact, objective: Objective, context: StageContext
) -> Draft:
    """Trains what the tuner makes of the base model, and lets it write the outcome into ``context.out``."""
    options = tuner.options
    ready = make_ready(tuner, model, data, objective, context)
    tuned, pad_id = ready.model, ready.tokenizer.pad_id
    spec = digest([to_plain(options), type(objective).__qualname__, model.digest, data.digest, context.seed])
    for name, part in (("train", ready.rows), ("validation", ready.validation)):
        kept = context.work / f"constants-{name}-{spec[:16]}.safetensors"
        add_constants(part, objective, tuned, options.per_device_train_batch_size, pad_id, kept)
    state = Trainer(tuned, objective, ready.rows, ready.validation, options, context, pad_id, spec).run()
    tuner.save(tuned, context.out)
    del tuned
    ready.model = None  # its memory is for the model as it will be served
    take_along(Path(model.path), context.out)
    served = _as_served(model, context.out, tuner.output_format)
    write_golden(served, ready.tokenizer, list(read_split(data, "validation", limit=6)), context.out)
    _write_records(ready.prepared, state, context.out)
    kind = "adapter" if tuner.output_format in ADAPTERS else "model"
    return Draft(kind, tuner.output_format, _facts(model, ready.prepared, state))


def swept(
    tuner: EngineTuner[Any], model: Artifact, data: Artifact, objective: Objective, context: StageContext
) -> Sweep:
    """How the loss follows a rising learning rate; what was trained for it is thrown away."""
    ready = make_ready(tuner, model, data, objective, context)
    pad_id, size = ready.tokenizer.pad_id, tuner.options.per_device_train_batch_size
    add_constants(ready.rows, objective, ready.model, size, pad_id, context.work / "constants-sweep.safetensors")
    return sweep(ready.model, objective, ready.rows, tuner.options, pad_id, context)


def make_ready(
    tuner: EngineTuner[Any], model: Artifact, data: Artifact, objective: Objective, context: StageContext
) -> Ready:
    """Encodes the data, loads the model, and makes it trainable and quick."""
    keep_freed_memory()
    from ftctl_adapters.kernels.install import install

    options, tokenizer = tuner.options, ChatTokenizer(model.path)
    encoder = ExampleEncoder(tokenizer, options.loss_on)
    training = prepare(read_split(data, "train"), objective, encoder, options)
    rows, validation = Rows(_packed(training.rows, options)), Rows([])
    if data.facts["splits"]["validation"]:
        validation = Rows(prepare(read_split(data, "validation"), objective, encoder, options).rows)
    _announce(training, rows, context)
    seed_everything(context.seed)
    tuned = tuner.adapt(tuner.load(model.path))
    install(tuned)
    if options.gradient_checkpointing:
        keep_less(tuned)
    return Ready(tuned, rows, validation, training, tokenizer)


def labelled(model: Artifact, data: Artifact, objective: Objective, options: TrainingOptions, count: int) -> list[str]:
    """The first examples as they would be trained, the trained tokens marked."""
    tokenizer = ChatTokenizer(model.path)
    encoder = ExampleEncoder(tokenizer, options.loss_on)
    rows = prepare(read_split(data, "train", limit=count), objective, encoder, options).rows
    return [
        f"{part.where}  {part.trained} of {len(part.ids)} tokens trained\n{show_labels(tokenizer, part)}"
        for row in rows
        for part in row
    ]


def _packed(rows: list[Row], options: TrainingOptions) -> list[Row]:
    """The rows as they are, or several in one sequence.

    Raises:
        ConfigInvalid: the objective has several sequences a row, which cannot be packed.
    """
    if not options.packing:
        return rows
    if any(len(row) > 1 for row in rows):
        raise ConfigInvalid("tuner.packing: this objective compares whole sequences, which cannot be packed")
    separate = options.packing_attention == "separate"
    return [(made,) for made in pack([row[0] for row in rows], options.max_length, separate=separate)]


def keep_less(model: Any) -> None:
    """Keeps only the inputs of every layer and computes the rest again in the backward pass."""
    model.enable_input_require_grads()
    model.gradient_checkpointing_enable({"use_reentrant": False})


def seed_everything(seed: int) -> None:
    """Seeds every generator the loop draws from."""
    import random

    import torch

    random.seed(seed)
    torch.manual_seed(seed)


def _as_served(base: Artifact, out: Path, output_format: str) -> Any:
    """The model that was saved, with the very weights a server will get: golden cases are made from these."""
    saved = Artifact("adapter", output_format, "", str(out), {}, base)
    return merged(saved) if output_format == PEFT_ADAPTER else load_whole(saved)


def _announce(training: Prepared, rows: Rows, context: StageContext) -> None:
    context.emit(
        events.DATA_DESCRIBED,
        rows=len(training.rows),
        sequences=sum(map(len, rows.rows)),
        tokens=training.tokens,
        trained_tokens=training.trained_tokens,
        states=dict(training.states),
    )


def _write_records(training: Prepared, state: TrainState, out: Path) -> None:
    documents = {
        "trainer_state.json": to_plain(state),
        "label_ledger.json": {"states": dict(sorted(training.states.items())), "overlong": training.overlong},
    }
    for name, document in documents.items():
        (out / name).write_text(json.dumps(document, indent=1), encoding="utf-8")


def _facts(model: Artifact, training: Prepared, state: TrainState) -> dict[str, Any]:
    kept = {key: model.facts[key] for key in ("max_length", "tokenizer", "chat_template")}
    losses = [logged.loss for logged in state.history if logged.loss is not None]
    summary = {
        "steps": state.step,
        "train_rows": len(training.rows),
        "states": dict(sorted(training.states.items())),
        "last_loss": losses[-1] if losses else None,
        "best_validation_loss": state.best_loss,
        "best_step": state.best_step,
    }
    return kept | {"training": summary}
