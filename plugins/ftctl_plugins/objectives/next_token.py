"""Common part of ``sft`` and ``pt``: the mean of -log p over the trained tokens."""

from typing import Any

from ftctl.ports.objective import Batch, Forward, Objective


class NextTokenObjective(Objective):
    """Next-token loss over the tokens that the encoding marks as trained."""

    def units(self, batch: Batch) -> int:
        return batch.trained

    def loss(self, model: Forward, batch: Batch) -> tuple[Any, dict[str, Any]]:
        return model.token_losses(batch)[0].sum(), {}
