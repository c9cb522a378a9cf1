"""Engine of one process, and base of the others."""

import contextlib
import math
from collections.abc import Iterable, Sequence
from typing import Any

from ftctl.errors import ArtifactCorrupt
from ftctl.faults import fault
from ftctl.ports import Objective
from ftctl.ports.objective import Batch
from ftctl_adapters.training.engines.group import Group, Tensors
from ftctl_adapters.training.optimizers import make_optimizer, make_scaler, optimizer_state, restore_optimizer
from ftctl_adapters.training.options import TrainingOptions

Counted = tuple[Batch, bool]
"""A batch, and whether it counts or only keeps the processes in step."""


class Engine:
    """Engine in one process; parameters that require gradients are trained."""

    sharded = False
    """Whether no process holds all that was trained in full."""

    def __init__(self, model: Any, objective: Objective, options: TrainingOptions, group: Group) -> None:
        self.model, self.objective, self.options, self.group = model, objective, options, group
        self.module = self.wrapped()
        self.trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.optimizer = make_optimizer(self.trained, options)
        self.scaler = make_scaler(model, enabled=options.fp16)

    def wrapped(self) -> Any:
        """Return the module whose forward pass computes the loss."""
        from ftctl_adapters.training.engines.loss_module import LossModule

        return LossModule(self.model, self.objective)

    def backward(self, batches: Sequence[Counted]) -> tuple[float, dict[str, float]]:
        """Accumulate gradients of the mean loss over all batches of all processes; return that loss and further means.

        The mean is over all units together, however they are divided: 4 batches of 1 are one of 4.
        """
        (units,) = self.group.sum([sum(self.objective.units(batch) for batch, counts in batches if counts)])
        total, more = 0.0, dict[str, float]()
        for place, (batch, counts) in enumerate(batches):
            with self.pass_over(last=place == len(batches) - 1):
                summed, told = self.module(self.group.placed(batch))
                loss = summed / units * counts
                # engines of several processes average gradients over these
                self.push(loss * self.group.world)
            total += float(loss.detach())
            more = {name: more.get(name, 0.0) + float(value) * counts / units for name, value in told.items()}
            fault("train.micro_step.after")
        total, *means = self.group.sum([total, *(more[name] for name in sorted(more))])
        return total, dict(zip(sorted(more), means, strict=True))

    def push(self, loss: Any) -> None:
        """Run the backward pass of one batch's loss."""
        self.scaler.scale(loss).backward()

    def pass_over(self, *, last: bool) -> contextlib.AbstractContextManager[Any]:
        """Wrap a pass; after the last of a step, gradients are averaged over the processes."""
        return contextlib.nullcontext()

    def update(self, rate: float) -> float:
        """Clip the gradients, take a step, and return their norm before; a non-finite step is skipped."""
        for param_group in self.optimizer.param_groups:
            param_group["lr"] = rate
        self.scaler.unscale_(self.optimizer)
        norm = self.clip()
        if math.isfinite(norm) or self.scaler.is_enabled():
            self.scaler.step(self.optimizer)
            self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        return norm

    def clip(self) -> float:
        """Clip the gradients to ``max_grad_norm`` and return their norm before."""
        import torch

        return float(torch.nn.utils.clip_grad_norm_(self.trained.values(), self.options.max_grad_norm or math.inf))

    def mean_loss(self, batches: Iterable[Counted]) -> float:
        """Return the mean of the objective over all units of all batches of all processes; leaves the model in train
        mode.
        """
        import torch

        self.model.eval()
        total, units = 0.0, 0
        with torch.no_grad():
            for batch, counts in batches:
                loss, _ = self.look(self.group.placed(batch))
                total += float(loss) * counts
                units += self.objective.units(batch) * counts
        self.model.train()
        total, everywhere = self.group.sum([total, units])
        return total / max(everywhere, 1)

    def look(self, batch: Batch) -> tuple[Any, dict[str, Any]]:
        """Return the loss without gradients."""
        found: tuple[Any, dict[str, Any]] = self.module(batch)
        return found

    def tensors(self) -> Tensors:
        """Return the trained tensors, unsharded, by name, on rank 0; every process must call it."""
        return {name: tensor.detach().cpu().contiguous() for name, tensor in self.trained.items()}

    def kept(self, whole: Iterable[tuple[str, Any]]) -> Tensors:
        """Gather tensors one by one; only rank 0 keeps them."""
        return {name: tensor.cpu().contiguous() for name, tensor in whole if self.group.rank == 0}

    def moments(self) -> tuple[Tensors, dict[str, Any]]:
        """Return the optimizer state, unsharded: tensors and plain numbers by name; as `tensors`."""
        return optimizer_state(self.optimizer, self.trained)

    def load(self, tensors: Tensors) -> None:
        """Load trained tensors; every process must have them.

        Raises:
            ArtifactCorrupt: they are others than this model trains.
        """
        import torch

        if tensors.keys() != self.trained.keys():
            raise ArtifactCorrupt("the checkpoint holds other tensors than this model trains", next_step="remove it")
        with torch.no_grad():
            for name, tensor in tensors.items():
                self.put(self.trained[name], tensor)

    def put(self, parameter: Any, tensor: Any) -> None:
        """Copy an unsharded tensor into a parameter."""
        parameter.copy_(tensor)

    def restore(self, moments: Tensors, numbers: dict[str, Any]) -> None:
        """Load the optimizer state, dtypes included; every process must have it."""
        restore_optimizer(self.optimizer, self.trained, moments, numbers)
