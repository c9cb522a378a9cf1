"""FSDP2: every process has a shard of every tensor, and gathers the rest layer by layer (`fully_shard`)."""

import contextlib
import math
from collections.abc import Iterator
from typing import Any

from ftctl_adapters.modeling.decoder_blocks import layers_of
from ftctl_adapters.training.engines.engine import Engine
from ftctl_adapters.training.engines.group import Tensors


class FsdpEngine(Engine):
    """Zhao et al., PyTorch FSDP: Experiences on Scaling Fully Sharded Data Parallel, 2023."""

    sharded = True

    def wrapped(self) -> Any:
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import fully_shard

        module = super().wrapped()
        mesh = init_device_mesh(self.group.device.type, (self.group.world,))
        for layer in layers_of(self.model):
            fully_shard(layer, mesh=mesh)
        return fully_shard(module, mesh=mesh)

    @contextlib.contextmanager
    def pass_over(self, *, last: bool) -> Iterator[None]:
        self.module.set_requires_gradient_sync(last)
        yield

    def clip(self) -> float:
        import torch

        norm = torch.nn.utils.clip_grad_norm_(self.trained.values(), self.options.max_grad_norm or math.inf)
        return float(whole(norm))

    def tensors(self) -> Tensors:
        return self.kept((name, whole(tensor.detach())) for name, tensor in self.trained.items())

    def moments(self) -> tuple[Tensors, dict[str, Any]]:
        moments, numbers = super().moments()
        return self.kept((name, whole(value)) for name, value in moments.items()), numbers

    def put(self, parameter: Any, tensor: Any) -> None:
        parameter.copy_(_part(tensor, parameter))

    def restore(self, moments: Tensors, numbers: dict[str, Any]) -> None:
        parts = {}
        for name, value in moments.items():
            parameter = self.trained[name.rpartition(".")[0]]
            parts[name] = _part(value, parameter) if value.shape == parameter.shape else value
        super().restore(parts, numbers)


def whole(tensor: Any) -> Any:
    """Return the unsharded tensor; every process must call it."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def _part(tensor: Any, like: Any) -> Any:
    """Return this process's shard of a tensor that every process has."""
    from torch.distributed.tensor import distribute_tensor

    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements, src_data_rank=None)
