"""Result of a training: files beside the weights, golden cases, the artifact's draft."""

import json
from pathlib import Path
from typing import Any

from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.codec import to_plain
from ftctl.domain.event import PROGRESS_MADE
from ftctl.domain.format import ADAPTERS, MERGEABLE
from ftctl.plugin import is_sealed, read_split
from ftctl_adapters.modeling.auxiliary_files import take_along
from ftctl_adapters.modeling.golden import write_golden
from ftctl_adapters.modeling.load import load_whole
from ftctl_adapters.modeling.merge import merged
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_adapters.training.checkpoint import TrainState
from ftctl_adapters.training.engines.group import Tensors
from ftctl_adapters.training.prepare import Account
from ftctl_adapters.training.training_setup import seed_everything
from ftctl_adapters.training.tuning_task import Task


def put_together(task: Task, tensors: Tensors) -> Any:
    """Return the trained model unsharded: made as before training, with the trained tensors."""
    import torch

    seed_everything(task.context.seed)
    tuned = task.tuner.adapt(task.tuner.load(task.model.path))
    with torch.no_grad():
        for name, parameter in tuned.named_parameters():
            if name in tensors:
                parameter.copy_(tensors[name])
    return tuned


def complete(task: Task, tokenizer: ChatTokenizer, account: Account, state: TrainState) -> None:
    """Write the files beside the saved weights: the tokenizer, golden cases, records."""
    out = task.context.out
    take_along(Path(task.model.path), out)
    served = _as_served(task.model, out, task.tuner.output_format)
    # golden cases go wherever the model goes: none of rows that are encrypted
    chosen = [] if is_sealed(task.data) else list(read_split(task.data, "validation", limit=6))

    def tell(done: int, total: int) -> None:
        task.context.emit(PROGRESS_MADE, done=done, total=total, unit="golden cases")

    write_golden(served, tokenizer, chosen, out, tell)
    documents = {
        "trainer_state.json": to_plain(state),
        "label_ledger.json": {
            "states": dict(sorted(account.states.items())),
            "validation": dict(sorted(account.validation.items())),
            "template_drops": dict(sorted(account.lost.items())),
            "overlong": account.overlong,
        },
    }
    for name, document in documents.items():
        (out / name).write_text(json.dumps(document, indent=1), encoding="utf-8")


def draft(task: Task, account: Account, state: TrainState) -> Draft:
    """Return the draft of the artifact."""
    kind = "adapter" if task.tuner.output_format in ADAPTERS else "model"
    kept = {key: task.model.facts[key] for key in ("max_length", "tokenizer", "chat_template")}
    losses = [logged.loss for logged in state.history if logged.loss is not None]
    summary = {
        "steps": state.step,
        "train_rows": account.rows,
        "states": dict(sorted(account.states.items())),
        "last_loss": losses[-1] if losses else None,
        "best_validation_loss": state.best_loss,
        "best_step": state.best_step,
    }
    return Draft(kind, task.tuner.output_format, kept | {"training": summary})


def _as_served(base: Artifact, out: Path, output_format: str) -> Any:
    """Load the saved model with the weights that a server gets: golden cases are made from it."""
    saved = Artifact("adapter", output_format, "", str(out), {}, base)
    return merged(saved) if output_format in MERGEABLE else load_whole(saved)
