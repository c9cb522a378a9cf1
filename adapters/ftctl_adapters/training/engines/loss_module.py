"""Model and objective as one module, for engines that wrap the forward pass of a module."""

from typing import Any

import torch

from ftctl.ports import Objective
from ftctl.ports.objective import Batch
from ftctl_adapters.modeling.forward import ModelForward


class LossModule(torch.nn.Module):
    """Module whose output is that of `Objective.loss`."""

    def __init__(self, model: Any, objective: Objective) -> None:
        super().__init__()
        self.model = model
        self.objective = objective

    def forward(self, batch: Batch) -> tuple[Any, dict[str, Any]]:
        return self.objective.loss(ModelForward(self.model), batch)
