"""Cache of the reference model's values for an objective, kept beside the checkpoints."""

import contextlib
from pathlib import Path
from typing import Any

from ftctl.ports import Objective
from ftctl.ports.objective import Batch
from ftctl_adapters.modeling.forward import ModelForward
from ftctl_adapters.training.engines.group import Group
from ftctl_adapters.training.training_rows import Rows


def add_constants(
    rows: Rows, objective: Objective, model: Any, size: int, pad_id: int, kept: Path, group: Group
) -> None:
    """Fill in ``rows.constants``, from the file ``kept`` if an earlier try wrote it.

    Args:
        rows: to train or to validate on.
        objective: which says what it needs.
        model: with its adapters, not yet trained. They change nothing yet, but for virtual tokens, which are
            switched off.
        size: rows at a time.
        pad_id: of the tokenizer.
        kept: a safetensors file that belongs to this very run; only the first process writes and reads it.
        group: the processes that share the work.
    """
    if not objective.constants:
        return
    from safetensors.torch import save_file

    first = group.rank == 0
    earlier = _kept(kept, objective, len(rows)) if first else None
    if group.any(earlier is not None):
        rows.constants = group.share(earlier or {})
        return
    rows.constants = _computed(rows, objective, model, size, pad_id, group)
    if first:
        draft = kept.with_suffix(".draft")
        save_file(rows.constants, draft)
        draft.replace(kept)


def _kept(kept: Path, objective: Objective, count: int) -> dict[str, Any] | None:
    """Return what an earlier try wrote; ``None`` where it wrote nothing, or what is there is damaged."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        found = load_file(kept)
    except (OSError, SafetensorError):
        return None
    whole = set(found) == set(objective.constants) and all(values.shape == (count,) for values in found.values())
    return found if whole else None


def _computed(rows: Rows, objective: Objective, model: Any, size: int, pad_id: int, group: Group) -> dict[str, Any]:
    import torch

    found = {name: torch.zeros(len(rows)) for name in objective.constants}
    config = getattr(model, "active_peft_config", None)
    virtual = config is not None and config.is_prompt_learning
    switched_off = model.disable_adapter() if virtual else contextlib.nullcontext()
    model.eval()
    # with gradients, as in training: without them kernels round as transformers does in 16 bits, and the policy would
    # begin nats away from its own reference
    with switched_off:
        for numbers, counts in group.part(rows.sorted_numbers(size)):
            told = _of_batch(objective, model, group.placed(rows.batch(numbers, pad_id)))
            for name, values in told.items() if counts else ():
                found[name][numbers] = values
    group.add(found)
    model.train()
    return found


def _of_batch(objective: Objective, model: Any, batch: Batch) -> dict[str, Any]:
    """Return the constants of a batch; what gradients would need is freed on return, before the next batch."""
    told = objective.constants_of(ModelForward(model), batch)
    return {name: values.detach().float().cpu() for name, values in told.items()}
