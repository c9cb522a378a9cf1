"""What a tuner over the engine is asked to do, in one piece."""

from typing import Any

from attrs import frozen

from ftctl.domain.artifact import Artifact
from ftctl.domain.codec import digest, to_plain
from ftctl.ports import Objective, StageContext
from ftctl_adapters.training.engine_tuner import EngineTuner
from ftctl_adapters.training.options import TrainingOptions


@frozen
class Task:
    """Train ``model`` on ``data`` for the objective, as the tuner says."""

    tuner: EngineTuner[Any]
    model: Artifact
    data: Artifact
    objective: Objective
    context: StageContext

    @property
    def options(self) -> TrainingOptions:
        options: TrainingOptions = self.tuner.options
        return options

    @property
    def spec(self) -> str:
        """A digest of everything that training depends on."""
        kind = type(self.objective).__qualname__
        return digest([to_plain(self.options), kind, self.model.digest, self.data.digest, self.context.seed])

    @property
    def batch_size(self) -> int:
        return self.options.per_device_train_batch_size
