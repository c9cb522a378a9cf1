"""The loss on the validation split."""

from typing import Any

from ftctl_adapters.modeling.batch import Batch, collate
from ftctl_adapters.modeling.labels import Encoded
from ftctl_adapters.modeling.loss import summed_loss


def validation_loss(model: Any, rows: list[Encoded], batch_size: int, pad_id: int) -> float:
    """The mean of -log p over every trained token of the rows, in nats; leaves the model in train mode."""
    import torch

    model.eval()
    ordered = sorted(rows, key=lambda row: len(row.ids))
    total, tokens = 0.0, 0
    with torch.inference_mode():
        for start in range(0, len(ordered), batch_size):
            batch: Batch = collate(ordered[start : start + batch_size], pad_id)
            total += float(summed_loss(model, batch))
            tokens += batch.trained
    model.train()
    return total / max(tokens, 1)
