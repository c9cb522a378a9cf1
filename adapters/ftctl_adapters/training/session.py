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
from ftctl_adapters.training.allocator import keep_few_products, keep_freed_memory
from ftctl_adapters.training.checkpoint import TrainState
from ftctl_adapters.training.constants import add_constants
from ftctl_adapters.training.engine_tuner import EngineTuner
from ftctl_adapters.training.engines.choose import make_engine
from ftctl_adapters.training.engines.group import Group, Tensors, joined
from ftctl_adapters.training.options import TrainingOptions
from ftctl_adapters.training.packing import pack
from ftctl_adapters.training.prepare import Prepared, prepare
from ftctl_adapters.training.rows import Row, Rows
from ftctl_adapters.training.snapshot import seed_of
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
    with joined(tuner.options.engine) as group:
        ready = make_ready(tuner, model, data, objective, context, group)
        state, tensors = _trained(ready, tuner.options, model, data, objective, context, group)
    kind = "adapter" if tuner.output_format in ADAPTERS else "model"
    draft = Draft(kind, tuner.output_format, _facts(model, ready.prepared, state))
    if group.rank:
        return draft
    tuner.save(_put_together(tuner, model, context, tensors) if tensors else ready.model, context.out)
    ready.model = None  # its memory is for the model as it will be served
    take_along(Path(model.path), context.out)
    served = _as_served(model, context.out, tuner.output_format)
    write_golden(served, ready.tokenizer, list(read_split(data, "validation", limit=6)), context.out)
    _write_records(ready.prepared, state, context.out)
    return draft


def _trained(
    ready: Ready,
    options: TrainingOptions,
    model: Artifact,
    data: Artifact,
    objective: Objective,
    context: StageContext,
    group: Group,
) -> tuple[TrainState, Tensors]:
    """Trains; the counters, and what was trained where no process holds the whole model."""
    pad_id, size = ready.tokenizer.pad_id, options.per_device_train_batch_size
    spec = digest([to_plain(options), type(objective).__qualname__, model.digest, data.digest, context.seed])
    for name, part in (("train", ready.rows), ("validation", ready.validation)):
        kept = context.work / f"constants-{name}-{spec[:16]}.safetensors"
        add_constants(part, objective, ready.model, size, pad_id, kept, group)
    if group.rank:
        seed_everything(seed_of(str(context.seed), group.rank))
    engine = make_engine(ready.model, objective, options, group)
    state = Trainer(engine, ready.rows, ready.validation, context, pad_id, spec).run()
    if not engine.sharded:
        return state, {}
    tensors = engine.tensors()
    ready.model = None
    return state, tensors if group.rank == 0 else {}


def _put_together(tuner: EngineTuner[Any], model: Artifact, context: StageContext, tensors: Tensors) -> Any:
    """The trained model in one piece: made as it was before training, with the tensors it had after it."""
    import torch

    seed_everything(context.seed)
    tuned = tuner.adapt(tuner.load(model.path))
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if name in tensors:
                parameter.copy_(tensors[name])
    return tuned


def swept(
    tuner: EngineTuner[Any], model: Artifact, data: Artifact, objective: Objective, context: StageContext
) -> Sweep:
    """How the loss follows a rising learning rate; what was trained for it is thrown away."""
    ready = make_ready(tuner, model, data, objective, context, Group())
    pad_id, size = ready.tokenizer.pad_id, tuner.options.per_device_train_batch_size
    kept = context.work / "constants-sweep.safetensors"
    add_constants(ready.rows, objective, ready.model, size, pad_id, kept, Group())
    return sweep(ready.model, objective, ready.rows, tuner.options, pad_id, context)


def make_ready(
    tuner: EngineTuner[Any],
    model: Artifact,
    data: Artifact,
    objective: Objective,
    context: StageContext,
    group: Group,
) -> Ready:
    """Encodes the data, loads the model, and makes it trainable and quick."""
    keep_freed_memory()
    keep_few_products()
    from ftctl_adapters.kernels.install import install

    options, tokenizer = tuner.options, ChatTokenizer(model.path)
    encoder = ExampleEncoder(tokenizer, options.loss_on)
    training = prepare(read_split(data, "train"), objective, encoder, options)
    rows, validation = Rows(_packed(training.rows, options)), Rows([])
    if data.facts["splits"]["validation"]:
        validation = Rows(prepare(read_split(data, "validation"), objective, encoder, options).rows)
    _announce(training, rows, context)
    seed_everything(context.seed)
    tuned = tuner.adapt(tuner.load(model.path)).to(group.device)
    if options.engine != "deepspeed" or group.world == 1:
        # DeepSpeed's stage 3 brings a layer's weights when that layer is called; the kernels call whole blocks
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
