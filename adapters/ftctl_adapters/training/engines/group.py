"""Group of training processes, and its collective operations."""

import contextlib
import os
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, TypeVar

from attrs import evolve

from ftctl.errors import UsageError
from ftctl.ports.objective import Batch

PATIENCE = timedelta(hours=12)
"""How long a process waits for the others, one of which may encode the data meanwhile. One that is lost is noticed by
its launcher, one that is stopped by its heartbeat."""

Item = TypeVar("Item")
Tensors = dict[str, Any]


class Group:
    """A single process. ``rank`` counts from 0, ``world`` is the number of processes; rank 0 writes."""

    rank = 0
    world = 1

    @property
    def device(self) -> Any:
        """Device of this process."""
        import torch

        if torch.cuda.is_available():
            return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        return torch.device("cpu")

    def placed(self, batch: Batch) -> Batch:
        """Return the batch on this process's device."""
        device = self.device
        if device.type == "cpu":
            return batch
        moved = {name: getattr(batch, name).to(device) for name in ("ids", "mask", "labels")}
        positions = None if batch.positions is None else batch.positions.to(device)
        constants = {name: value.to(device) for name, value in batch.constants.items()}
        return evolve(batch, **moved, positions=positions, constants=constants)

    def part(self, items: Sequence[Item]) -> list[tuple[Item, bool]]:
        """Return this process's share: equally many items for every process, each with whether it counts.

        Where they cannot be shared evenly, the first one is done again and does not count: processes that talk to
        each other in every pass must make equally many.
        """
        rounds = -(-len(items) // self.world)
        places = range(self.rank, rounds * self.world, self.world)
        return [(items[place], True) if place < len(items) else (items[0], False) for place in places]

    def sum(self, values: Sequence[float]) -> list[float]:
        """Return the sums over all processes, in double precision (all-reduce SUM)."""
        return list(values)

    def any(self, flag: bool) -> bool:
        """Return True on all ranks if the flag is true on any (all-reduce MAX)."""
        return flag

    def add(self, tensors: Tensors) -> None:
        """Sum the tensors of all processes in place."""

    def share(self, tensors: Tensors) -> Tensors:
        """Broadcast the tensors of rank 0 to the CPU of every process; arguments of other ranks are ignored."""
        return tensors

    def tell(self, document: Any) -> Any:
        """Broadcast a JSON document of rank 0."""
        return document

    def gather(self, tensor: Any) -> list[Any]:
        """Gather the tensors of all processes by rank, on each CPU; of one shape."""
        return [tensor]

    @property
    def first_here(self) -> bool:
        """True on the first process of each machine."""
        return os.environ.get("LOCAL_RANK", "0") == "0"

    def leave(self) -> None:
        """Leave the group; no collective operation may follow."""


class TorchGroup(Group):
    """Processes started by a launcher such as torchrun, over `torch.distributed`."""

    def __init__(self) -> None:
        import torch.distributed as dist

        self._joined = not dist.is_initialized()
        if self._joined:
            backend = "cpu:gloo,cuda:nccl" if self.device.type == "cuda" else "gloo"
            dist.init_process_group(backend, timeout=PATIENCE)
        self.rank, self.world = dist.get_rank(), dist.get_world_size()
        if self.device.type == "cuda":
            import torch

            torch.cuda.set_device(self.device)
        # the objects below travel between processes that are started alike and trust each other
        self._talk = dist.new_group(backend="gloo", timeout=PATIENCE)

    def sum(self, values: Sequence[float]) -> list[float]:
        import torch
        import torch.distributed as dist

        total = torch.tensor(list(values), dtype=torch.float64)
        dist.all_reduce(total, group=self._talk)
        return [float(value) for value in total]

    def any(self, flag: bool) -> bool:
        return self.sum([float(flag)])[0] > 0

    def add(self, tensors: Tensors) -> None:
        import torch.distributed as dist

        for name in sorted(tensors):
            dist.all_reduce(tensors[name], group=self._talk)

    def share(self, tensors: Tensors) -> Tensors:
        import torch
        import torch.distributed as dist

        shapes = self.tell([(name, tuple(value.shape), value.dtype) for name, value in tensors.items()])
        found = {}
        for name, shape, dtype in shapes:
            value = tensors[name].detach().cpu().contiguous() if self.rank == 0 else torch.empty(shape, dtype=dtype)
            dist.broadcast(value.reshape(-1).view(torch.uint8) if value.numel() else value, 0, group=self._talk)
            found[name] = value
        return found

    def tell(self, document: Any) -> Any:
        import torch.distributed as dist

        holder = [document]
        dist.broadcast_object_list(holder, 0, group=self._talk)
        return holder[0]

    def gather(self, tensor: Any) -> list[Any]:
        import torch
        import torch.distributed as dist

        found = [torch.empty_like(tensor) for _ in range(self.world)]
        dist.all_gather(found, tensor, group=self._talk)
        return found

    def leave(self) -> None:
        import torch.distributed as dist

        if self._joined and dist.is_initialized():
            dist.destroy_process_group()


@contextlib.contextmanager
def joined(engine: str) -> Iterator[Group]:
    """Join the group that this process belongs to while it trains with the engine.

    Raises:
        UsageError: several processes were started for an engine of one.
    """
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started > 1 and engine == "single":
        raise UsageError(f"{started} processes were started for tuner.engine single", next_step="tuner.engine=ddp")
    group = Group() if engine == "single" or "RANK" not in os.environ else TorchGroup()
    try:
        yield group
    finally:
        group.leave()
