"""The gradient of one optimizer step, from as many forward passes as it takes."""

from collections.abc import Sequence
from typing import Any

from ftctl.faults import fault
from ftctl.ports import Objective
from ftctl.ports.objective import Batch
from ftctl_adapters.modeling.forward import ModelForward


def backward(
    model: Any, objective: Objective, batches: Sequence[Batch], scaler: Any = None
) -> tuple[float, dict[str, float]]:
    """Adds up the gradients of the batches' mean loss, and tells that loss and the objective's further means.

    The mean is over all units of the batches together, however they are divided: 4 batches of 1 are one of 4. A
    ``scaler`` (`torch.amp.GradScaler`) scales what goes backward, not what is told.
    """
    units = sum(objective.units(batch) for batch in batches)
    total, more = 0.0, dict[str, float]()
    for batch in batches:
        summed, told = objective.loss(ModelForward(model), batch)
        loss = summed / units
        (scaler.scale(loss) if scaler else loss).backward()
        total += float(loss.detach())
        more = {name: more.get(name, 0.0) + float(value) / units for name, value in told.items()}
        fault("train.micro_step.after")
    return total, more
