"""Port: tuners train a model on a data set."""

from abc import ABC, abstractmethod
from typing import Any

from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.resources import ModelShape, ResourcePlan, TrainingData
from ftctl.domain.sweep import Sweep
from ftctl.errors import BackendError, UsageError
from ftctl.ports.context import StageContext
from ftctl.ports.objective import Objective


class TunerError(BackendError):
    """The tuner could not do its work."""

    code = "tuner"


class Tuner(ABC):
    """Tuner; constructed with its options alone, its module imports no heavy package."""

    @abstractmethod
    def plan(self, shape: ModelShape, train_rows: int | None) -> ResourcePlan:
        """Return parameters, steps and memory of `tune`; pure, cheap, without a backend.

        Args:
            shape: the base model.
            train_rows: rows of the train split, or ``None`` while the data has not been read.
        """

    def memory(self, shape: ModelShape, data: TrainingData) -> dict[str, int]:
        """Return bytes of memory by phase, closer than those of `plan`, which knows no rows; pure, without a backend.

        Phases that are missing stay as planned. Called when planning, and again with the largest batch after `prepare`,
        if its figures of the train split have a ``largest_batch``.
        """
        return {}

    def adapter_config(self) -> dict[str, Any]:
        """Return what is known before training of the ``adapter_config.json`` that `tune` will write.

        Keys are PEFT's; empty if it writes none. Pure, without a backend.
        """
        return {}

    def prepare(self, model: Artifact, data: Artifact, objective: Objective, context: StageContext) -> dict[str, Any]:
        """Check that these rows can be trained, before anything long runs; return figures of what will be.

        A tuner that does so declares the capability ``prepares``.

        Raises:
            LabelsInvalid: rows cannot be trained as they are, with all of them.
            NoUsableRows: none is left.
        """
        return {}

    @abstractmethod
    def tune(self, model: Artifact, data: Artifact, objective: Objective, context: StageContext) -> Draft:
        """Train for the objective and write a model or adapter to ``context.out``.

        Called again after a crash with the same ``context.work``, it goes on from its last checkpoint there.

        Raises:
            TunerError: the backend failed.
            LabelsInvalid: the labels would train the wrong tokens.
            TrainingDiverged: the loss is no longer finite.
            ResourceExhausted: memory ran out.
        """

    def sweep(self, model: Artifact, data: Artifact, objective: Objective, context: StageContext) -> Sweep:
        """Run a learning-rate range test; writes nothing.

        Raises:
            UsageError: this tuner cannot tell.
        """
        raise UsageError("this tuner has no learning-rate sweep")

    def labels(self, model: Artifact, data: Artifact, objective: Objective, count: int) -> list[str]:
        """Return the first training examples as text, trained tokens between ``⟦`` and ``⟧``."""
        return []
