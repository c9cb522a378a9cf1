"""DDP: every process has the whole model; torch's DistributedDataParallel averages gradients."""

import contextlib
from typing import Any

from ftctl.ports.objective import Batch
from ftctl_adapters.training.engines.engine import Engine


class DdpEngine(Engine):
    """Li et al., PyTorch Distributed: Experiences on Accelerating Data Parallel Training, 2020."""

    def wrapped(self) -> Any:
        from torch.nn.parallel import DistributedDataParallel

        device = self.group.device
        return DistributedDataParallel(super().wrapped(), device_ids=None if device.type == "cpu" else [device.index])

    def pass_over(self, *, last: bool) -> contextlib.AbstractContextManager[Any]:
        held: contextlib.AbstractContextManager[Any] = contextlib.nullcontext() if last else self.module.no_sync()
        return held

    def look(self, batch: Batch) -> tuple[Any, dict[str, Any]]:
        found: tuple[Any, dict[str, Any]] = self.module.module(batch)
        return found
