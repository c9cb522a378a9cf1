"""Snapshot of all training state: taken from an engine, restored to one, of any number of processes."""

import hashlib
import random
from typing import Any

from attrs import field, frozen

from ftctl_adapters.training.engines.engine import Engine
from ftctl_adapters.training.engines.group import Tensors


@frozen
class Snapshot:
    """Training state; ``tensors`` and ``moments`` are unsharded, ``rng`` has a state a process, (processes, bytes) by
    device.
    """

    tensors: Tensors
    moments: Tensors
    rng: Tensors
    numbers: dict[str, Any] = field(factory=dict)
    scaler: dict[str, Any] = field(factory=dict)
    python_rng: list[Any] = field(factory=list)

    @staticmethod
    def of(engine: Engine) -> "Snapshot":
        """Take a snapshot of the engine; every process must call it."""
        import torch

        moments, numbers = engine.moments()
        states = {"cpu": torch.get_rng_state()}
        if engine.group.device.type == "cuda":
            states["cuda"] = torch.cuda.get_rng_state()
        rng = {name: torch.stack(engine.group.gather(state)) for name, state in states.items()}
        version, internal, gauss = random.getstate()
        python = [version, list(internal), gauss]
        return Snapshot(engine.tensors(), moments, rng, numbers, engine.scaler.state_dict(), python)

    def shared(self, engine: Engine) -> "Snapshot":
        """Broadcast rank 0's snapshot."""
        share = engine.group.share
        plain = engine.group.tell([self.numbers, self.scaler, self.python_rng])
        return Snapshot(share(self.tensors), share(self.moments), share(self.rng), *plain)

    def restore(self, engine: Engine, salt: str) -> None:
        """Restore everything; every process must have it.

        A process that was not there when it was taken draws its random numbers from the salt and its rank.

        Raises:
            ArtifactCorrupt: the tensors are others than this model trains.
        """
        import torch

        engine.load(self.tensors)
        engine.restore(self.moments, self.numbers)
        if engine.scaler.is_enabled():
            engine.scaler.load_state_dict(self.scaler)
        rank = engine.group.rank
        if rank < len(self.rng["cpu"]):
            torch.set_rng_state(self.rng["cpu"][rank].clone())
            if "cuda" in self.rng and engine.group.device.type == "cuda":
                torch.cuda.set_rng_state(self.rng["cuda"][rank].clone())
        else:
            torch.manual_seed(seed_of(salt, rank))
        version, internal, gauss = self.python_rng
        random.setstate((version, tuple(internal), gauss))


def seed_of(salt: str, rank: int) -> int:
    """Return the seed of one process of several."""
    return int.from_bytes(hashlib.sha256(f"{salt}/{rank}".encode()).digest()[:7], "big")
