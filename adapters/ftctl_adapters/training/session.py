"""Entry points of the training engine: show labels, sweep learning rates, train."""

from collections.abc import Sequence

from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.sweep import Sweep
from ftctl.errors import ConfigInvalid
from ftctl.plugin import read_split
from ftctl.ports import Objective
from ftctl_adapters.modeling.encoder import ExampleEncoder
from ftctl_adapters.modeling.labels import show_labels
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_adapters.training.checkpoint import TrainState
from ftctl_adapters.training.engines.choose import make_engine
from ftctl_adapters.training.engines.group import Group, Tensors, joined
from ftctl_adapters.training.options import TrainingOptions
from ftctl_adapters.training.prepare import prepare
from ftctl_adapters.training.reference_cache import add_constants
from ftctl_adapters.training.snapshot import seed_of
from ftctl_adapters.training.sweep import sweep
from ftctl_adapters.training.trainer import Trainer
from ftctl_adapters.training.training_result import complete, draft, put_together
from ftctl_adapters.training.training_rows import Row
from ftctl_adapters.training.training_setup import Ready, make_ready, seed_everything
from ftctl_adapters.training.tuning_task import Task


def train(task: Task) -> Draft:
    """Train the tuner's model, and let the tuner write the result into ``context.out``."""
    with joined(task.options.engine) as group:
        if group.any(group.tell(task.spec) != task.spec):
            step = "give every machine the same run file, model and data"
            raise ConfigInvalid("the processes were started for different runs", next_step=step)
        ready = make_ready(task, group)
        state, tensors = _trained(task, ready, group)
    if group.rank == 0:
        task.tuner.save(put_together(task, tensors) if tensors else ready.model, task.context.out)
        ready.model = None  # its memory is for the model as it will be served
        complete(task, ready.tokenizer, ready.account, state)
    return draft(task, ready.account, state)


def _trained(task: Task, ready: Ready, group: Group) -> tuple[TrainState, Tensors]:
    """Train; return the counters, and on rank 0 the trained tensors, where no process has the whole model."""
    pad_id = ready.tokenizer.pad_id
    for name, part in (("train", ready.rows), ("validation", ready.validation)):
        kept = task.context.work / f"constants-{name}-{task.spec[:16]}.safetensors"
        add_constants(part, task.objective, ready.model, task.batch_size, pad_id, kept, group)
    if group.rank:
        # dropout is drawn apart in every process
        seed_everything(seed_of(str(task.context.seed), group.rank))
    engine = make_engine(ready.model, task.objective, task.options, group)
    state = Trainer(engine, ready.rows, ready.validation, task.context, pad_id, task.spec).run()
    if not engine.sharded:
        return state, {}
    tensors = engine.tensors()
    ready.model = None
    return state, tensors if group.rank == 0 else {}


def swept(task: Task) -> Sweep:
    """Run a learning-rate sweep; the trained weights are discarded."""
    group = Group()
    ready = make_ready(task, group)
    pad_id, kept = ready.tokenizer.pad_id, task.context.work / "constants-sweep.safetensors"
    add_constants(ready.rows, task.objective, ready.model, task.batch_size, pad_id, kept, group)
    return sweep(ready.model, task.objective, ready.rows, task.options, pad_id, task.context)


def labelled(model: Artifact, data: Artifact, objective: Objective, options: TrainingOptions, count: int) -> list[str]:
    """Return the first examples as trained, with the trained tokens marked."""
    tokenizer = ChatTokenizer(model.path)
    encoder = ExampleEncoder(tokenizer, options.loss_on, options.template_drops)
    context = int(model.facts.get("max_length") or 0)
    limit = min(options.max_length, context or options.max_length)
    rows, account = prepare(read_split(data, "train", limit=count), objective, encoder, options, limit)
    account.settle(options, context=context)
    endless = account.endless(options, context)
    return [
        *([endless] if endless else []),
        *_shown(rows, tokenizer),
    ]


def _shown(rows: Sequence[Row], tokenizer: ChatTokenizer) -> list[str]:
    return [
        f"{part.where}  {part.trained} of {len(part.ids)} tokens trained\n{show_labels(tokenizer, part)}"
        for row in rows
        for part in row
    ]
