"""The model as objectives see it."""

from typing import Any

from attrs import frozen

from ftctl.ports.objective import Batch, Forward
from ftctl_adapters.modeling.loss import token_losses


@frozen
class ModelForward(Forward):
    """A causal language model, adapters included."""

    model: Any

    def token_losses(self, batch: Batch) -> tuple[Any, Any]:
        losses, chosen = token_losses(self.model, batch)
        return losses, chosen.nonzero()[:, 0]
