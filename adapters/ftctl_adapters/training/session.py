"""What every tuner over the engine does around the loop: load, prepare, train, save."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ftctl.domain import event as events
from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.codec import digest, to_plain
from ftctl.domain.format import ADAPTERS
from ftctl.plugin import read_split
from ftctl.ports import StageContext
from ftctl_adapters.kernels.install import install
from ftctl_adapters.modeling.golden import write_golden
from ftctl_adapters.modeling.labels import show_labels
from ftctl_adapters.modeling.load import load_base
from ftctl_adapters.modeling.merge import merged
from ftctl_adapters.modeling.take_along import take_along
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_adapters.training.allocator import keep_freed_memory
from ftctl_adapters.training.checkpoint import TrainState
from ftctl_adapters.training.options import TrainingOptions
from ftctl_adapters.training.prepare import Prepared, prepare
from ftctl_adapters.training.trainer import Trainer


def train(
    model: Artifact,
    data: Artifact,
    options: TrainingOptions,
    context: StageContext,
    adapt: Callable[[Any], Any],
    save: Callable[[Any, Path], None],
    output_format: str,
) -> Draft:
    """Trains what ``adapt`` makes of the base model and lets ``save`` write it.

    Args:
        model: the base model's view.
        data: the data set.
        options: of the tuner.
        context: of the stage.
        adapt: makes the model trainable, e.g. by wrapping it in an adapter.
        save: writes the trained weights into a folder.
        output_format: of the artifact.
    """
    keep_freed_memory()
    tokenizer = ChatTokenizer(model.path)
    training = prepare(read_split(data, "train"), tokenizer, options)
    validation = (
        prepare(read_split(data, "validation"), tokenizer, options) if data.facts["splits"]["validation"] else None
    )
    _announce(training, context)
    seed_everything(context.seed)
    tuned = adapt(load_base(model.path, options.bf16))
    install(tuned)
    spec = digest([to_plain(options), model.digest, data.digest, context.seed])
    rows = validation.rows if validation else []
    trainer = Trainer(tuned, training.rows, rows, options, context, tokenizer.pad_id, spec)
    state = trainer.run()
    save(tuned, context.out)
    take_along(Path(model.path), context.out)
    del tuned, trainer
    served = _as_served(model, context.out, output_format)
    write_golden(served, tokenizer, list(read_split(data, "validation", limit=6)), context.out)
    _write_records(training, state, context.out)
    return Draft("model" if output_format == "hf" else "adapter", output_format, _facts(model, training, state))


def labelled(model: Artifact, data: Artifact, options: TrainingOptions, count: int) -> list[str]:
    """The first examples as they would be trained, the trained tokens marked."""
    tokenizer = ChatTokenizer(model.path)
    rows = prepare(read_split(data, "train", limit=count), tokenizer, options).rows
    return [
        f"{row.where}  {row.trained} of {len(row.ids)} tokens trained\n{show_labels(tokenizer, row)}" for row in rows
    ]


def seed_everything(seed: int) -> None:
    """Seeds every generator the loop draws from."""
    import random

    import torch

    random.seed(seed)
    torch.manual_seed(seed)


def _as_served(base: Artifact, out: Path, output_format: str) -> Any:
    """The model that was saved, with the very weights a server will get: golden cases are made from these."""
    if output_format not in ADAPTERS:
        return load_base(str(out), None).eval()
    return merged(Artifact("adapter", output_format, "", str(out), {}, base))


def _announce(training: Prepared, context: StageContext) -> None:
    context.emit(
        events.DATA_DESCRIBED,
        rows=len(training.rows),
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
