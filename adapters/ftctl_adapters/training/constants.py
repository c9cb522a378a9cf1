"""What an objective needs to know of the model as it began: computed once, and kept beside the checkpoints."""

import contextlib
from pathlib import Path
from typing import Any

from ftctl.ports import Objective
from ftctl_adapters.modeling.forward import ModelForward
from ftctl_adapters.training.rows import Rows


def add_constants(rows: Rows, objective: Objective, model: Any, size: int, pad_id: int, kept: Path) -> None:
    """Fills in ``rows.constants``, from the file ``kept`` where an earlier try has written it.

    Args:
        rows: to train or to validate on.
        objective: which says what it needs.
        model: with its adapters, not yet trained. They change nothing yet, but for virtual tokens, which are
            switched off.
        size: rows at a time.
        pad_id: of the tokenizer.
        kept: a safetensors file that belongs to this very run.
    """
    if not objective.constants:
        return
    from safetensors.torch import load_file, save_file

    if not kept.exists():
        draft = kept.with_suffix(".draft")
        save_file(_computed(rows, objective, model, size, pad_id), draft)
        draft.replace(kept)
    rows.constants = load_file(kept)


def _computed(rows: Rows, objective: Objective, model: Any, size: int, pad_id: int) -> dict[str, Any]:
    import torch

    found = {name: torch.zeros(len(rows)) for name in objective.constants}
    config = getattr(model, "active_peft_config", None)
    virtual = config is not None and config.is_prompt_learning
    switched_off = model.disable_adapter() if virtual else contextlib.nullcontext()
    model.eval()
    with torch.inference_mode(), switched_off:
        for numbers, batch in rows.sorted_batches(size, pad_id):
            for name, values in objective.constants_of(ModelForward(model), batch).items():
                found[name][numbers] = values.float()
    model.train()
    return found
