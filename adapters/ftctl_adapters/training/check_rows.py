"""Encode a training's rows and tell what came of them; before anything long runs, all that is wrong at once."""

from typing import Any

from ftctl.domain import event as events
from ftctl.errors import LabelsInvalid
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_adapters.modeling.tokenizer_check import refuse_other_tokenizer
from ftctl_adapters.training.encode_split import Encoding, encoded_split
from ftctl_adapters.training.engines.group import Group
from ftctl_adapters.training.prepare import APART, Account
from ftctl_adapters.training.sample_order import epoch_steps
from ftctl_adapters.training.tokens_folder import tokens_folder
from ftctl_adapters.training.training_rows import Rows
from ftctl_adapters.training.tuning_task import Task


def checked_rows(task: Task) -> dict[str, Any]:
    """Encode both splits as training will find them, and return figures of each.

    Raises:
        LabelsInvalid: rows of either split cannot be trained as they are.
        NoUsableRows: a split has none left.
        ModelMismatch: programs read the model's tokenizer in different ways.
    """
    tokenizer, group = ChatTokenizer(task.model.path), Group()
    refuse_other_tokenizer(task.model.path, tokenizer.raw)
    found: dict[str, Any] = {}
    refused: list[LabelsInvalid] = []
    for split in ("train", "validation"):
        if split == "validation" and not task.data.facts["splits"]["validation"]:
            continue
        try:
            rows, account = encoded_rows(task, tokenizer, split, group)
        except LabelsInvalid as error:
            refused.append(error)
            continue
        announce(task, account, rows, split)
        found[split] = figures(account, rows)
        if split == "train":
            found[split]["largest_batch"] = largest_batch(rows, task)
    if len(refused) > 1:
        what = "; ".join(error.what for error in refused)
        details = tuple(line for error in refused for line in error.details)
        raise LabelsInvalid(what, next_step=refused[0].next_step, details=details)
    if refused:
        raise refused[0]
    return found


def largest_batch(rows: Rows, task: Task) -> dict[str, int]:
    """Return sequences, and tokens of the longest and of all, of the batch that needs the most memory.

    An epoch's first two steps have its largest; an objective's constants are computed for the longest rows together.
    """
    together = task.options.gradient_accumulation_steps
    steps = epoch_steps(rows.lengths, task.batch_size, together, task.context.seed, 0)
    batches = [batch for step in steps[:2] for batch in step]
    if task.objective.constants:
        batches += rows.sorted_numbers(task.batch_size)[-2:]  # the last may be a rest
    lengths = [[len(piece.ids) for number in batch for piece in rows.row(number)] for batch in batches]
    largest = max(lengths, key=sum)
    return {"sequences": len(largest), "longest": max(largest), "tokens": sum(largest)}


def encoded_rows(task: Task, tokenizer: ChatTokenizer, split: str, group: Group) -> tuple[Rows, Account]:
    """Encode a split, written by one process of this machine and read by all."""
    kept = tokens_folder(task.context, task.objective, task.options, task.model, task.data) / split
    context = int(task.model.facts.get("max_length") or 0)
    encoding = Encoding(task.model.path, task.objective, task.options, context)
    if group.first_here:
        encoded_split(encoding, tokenizer, task.data, split, kept, task.context)
    group.any(False)
    return encoded_split(encoding, tokenizer, task.data, split, kept, task.context)


def announce(task: Task, account: Account, rows: Rows, split: str) -> None:
    """Tell what came of a split's examples, and warn of what was left out."""
    for text in concerns(account, split):
        task.context.emit(events.WARNING_RAISED, message=text)
    endless = account.endless(task.options, int(task.model.facts.get("max_length") or 0))
    if endless:
        task.context.emit(events.WARNING_RAISED, message=f"{split}: {endless}")
    task.context.emit(events.DATA_DESCRIBED, split=split, **figures(account, rows))


def concerns(account: Account, split: str) -> list[str]:
    """Return sentences about examples that are trained otherwise than they were written."""
    told = []
    if account.lost:
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(account.lost.items()))
        told.append(f"the chat template leaves out parts of {split} examples, which are trained without them: {kinds}")
    apart = account.states[APART]
    if apart:
        made = f"{apart} {split} conversations have a sequence for each of their answers ({account.rows} in all)"
        told.append(f"{made}, since the chat template or the tokenizer writes earlier answers in another way")
    spelled = account.states["dropped_special_token"]
    if spelled:
        told.append(f"{spelled} {split} examples spell a special token, and are dropped")
    return told


def figures(account: Account, rows: Rows) -> dict[str, Any]:
    """Return counts of a split: rows, sequences, tokens, and the examples' states."""
    return {
        "rows": account.rows,
        "sequences": len(rows) * rows.together,
        "tokens": account.tokens,
        "trained_tokens": account.trained_tokens,
        "states": dict(account.states),
    }
