"""The loss that tests compare."""

from typing import Any

from ftctl.ports.objective import Batch
from ftctl_adapters.modeling.loss import token_losses


def summed_loss(model: Any, batch: Batch) -> Any:
    """The sum of -log p over the trained tokens of a batch, a float32 scalar with gradient."""
    return token_losses(model, batch)[0].sum()
