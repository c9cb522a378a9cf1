"""Prepare a training: encode the splits, load the model, install kernels."""

from typing import Any

from attrs import define, evolve

from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_adapters.modeling.tokenizer_check import refuse_other_tokenizer
from ftctl_adapters.training.allocator import keep_few_products, keep_freed_memory
from ftctl_adapters.training.check_rows import announce, encoded_rows
from ftctl_adapters.training.engines.choose import KEEPS_LAYOUTS
from ftctl_adapters.training.engines.group import Group
from ftctl_adapters.training.options import ALL_LINEAR
from ftctl_adapters.training.prepare import Account
from ftctl_adapters.training.training_rows import Rows
from ftctl_adapters.training.tuning_task import Task


@define
class Ready:
    """A prepared training; ``account`` has the states of the train split's examples."""

    model: Any
    rows: Rows
    validation: Rows
    account: Account
    tokenizer: ChatTokenizer


def make_ready(task: Task, group: Group) -> Ready:
    """Encode the data, load the model, make it trainable, and install kernels."""
    keep_freed_memory()
    keep_few_products()
    from ftctl_adapters.kernels.patching import install
    from ftctl_adapters.modeling.loss import ordinary
    from ftctl_adapters.modeling.packing_check import refuse_leaks
    from ftctl_adapters.modeling.reached_weights import adapted_weights, tell_reached

    tokenizer = ChatTokenizer(task.model.path)
    refuse_other_tokenizer(task.model.path, tokenizer.raw)
    rows, account = encoded_rows(task, tokenizer, "train", group)
    validation = Rows.of([])
    announce(task, account, rows, "train")
    if task.data.facts["splits"]["validation"]:
        validation, seen = encoded_rows(task, tokenizer, "validation", group)
        announce(task, seen, validation, "validation")
        account = evolve(account, validation=dict(seen.states))
    seed_everything(task.context.seed)
    tuned = task.tuner.adapt(task.tuner.load(task.model.path)).to(group.device)
    if getattr(task.options, "target_modules", None) == ALL_LINEAR and group.rank == 0:
        does = "the adapter (more is reached by tuner.target_parameters) updates"
        tell_reached(tuned, adapted_weights(tuned), does, task.context)
    head = not ordinary(tuned)  # found out here, where this process still has all weights
    if task.options.engine != "deepspeed" or group.world == 1:
        # DeepSpeed's stage 3 brings a layer's weights when that layer is called; the kernels call whole blocks
        whole = task.options.engine in KEEPS_LAYOUTS or type(group) is Group
        install(tuned, whole=whole, head=head)
    if task.options.packing and task.options.packing_attention == "separate":
        refuse_leaks(tuned, tokenizer.pad_id)
    if task.options.gradient_checkpointing:
        keep_less(tuned)
    return Ready(tuned, rows, validation, account, tokenizer)


def keep_less(model: Any) -> None:
    """Enable gradient checkpointing: keep only each layer's inputs, recompute the rest."""
    model.enable_input_require_grads()
    model.gradient_checkpointing_enable({"use_reentrant": False})


def seed_everything(seed: int) -> None:
    """Seed every generator that the loop uses."""
    import random

    import torch

    random.seed(seed)
    torch.manual_seed(seed)
