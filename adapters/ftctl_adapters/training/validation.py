"""The loss on the validation split."""

from typing import Any

from ftctl.ports import Objective
from ftctl_adapters.modeling.forward import ModelForward
from ftctl_adapters.training.rows import Rows


def validation_loss(model: Any, objective: Objective, rows: Rows, batch_size: int, pad_id: int) -> float:
    """The mean of the objective over all units of the rows; leaves the model in train mode."""
    import torch

    model.eval()
    total, units = 0.0, 0
    with torch.inference_mode():
        for _, batch in rows.sorted_batches(batch_size, pad_id):
            total += float(objective.loss(ModelForward(model), batch)[0])
            units += objective.units(batch)
    model.train()
    return total / max(units, 1)
