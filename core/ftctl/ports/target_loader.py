"""Secondary port: makes a model artifact answer in this process."""

from abc import ABC, abstractmethod

from ftctl.domain.artifact import Artifact
from ftctl.ports.target import Target


class TargetLoader(ABC):
    """Constructed with its options as only argument."""

    @abstractmethod
    def load(self, model: Artifact) -> Target:
        """The model, ready to generate and to score.

        Raises:
            ModelMismatch: adapter, base and tokenizer do not belong together.
            ResourceExhausted: memory ran out.
        """
