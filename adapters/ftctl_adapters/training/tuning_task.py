"""A call of the training engine: method, model, data, objective, and the stage's context."""

from pathlib import Path
from typing import Any, ClassVar, Protocol

from attrs import frozen

from ftctl.domain.artifact import Artifact
from ftctl.domain.codec import digest, to_plain
from ftctl.ports import Objective, StageContext
from ftctl_adapters.training.options import TrainingOptions


class TrainingMethod(Protocol):
    """The parts of a tuner that the engine calls (`EngineTuner`)."""

    output_format: ClassVar[str]

    @property
    def options(self) -> TrainingOptions:
        """Return the training options."""

    def load(self, folder: str) -> Any:
        """Load the base model."""

    def adapt(self, base: Any) -> Any:
        """Make the loaded base model trainable."""

    def save(self, tuned: Any, out: Path) -> None:
        """Write what was trained."""


@frozen
class Task:
    """Train ``model`` on ``data`` for the objective, by the method of a tuner."""

    tuner: TrainingMethod
    model: Artifact
    data: Artifact
    objective: Objective
    context: StageContext

    @property
    def options(self) -> TrainingOptions:
        """Training options."""
        options: TrainingOptions = self.tuner.options
        return options

    @property
    def spec(self) -> str:
        """Return the digest of everything that training depends on."""
        kind = type(self.objective).__qualname__
        return digest([to_plain(self.options), kind, self.model.digest, self.data.digest, self.context.seed])

    @property
    def batch_size(self) -> int:
        """Rows of a micro-batch."""
        return self.options.per_device_train_batch_size
