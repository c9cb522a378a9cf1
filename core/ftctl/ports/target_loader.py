"""Secondary port: makes a model artifact answer in this process."""

from abc import ABC, abstractmethod

from ftctl.domain.artifact import Artifact
from ftctl.domain.verdict import Verdict
from ftctl.ports.target import Target


class TargetLoader(ABC):
    """Constructed with its options as only argument."""

    @abstractmethod
    def load(self, model: Artifact) -> Target:
        """The model, ready to generate and to score; of the format ``endpoint``, the server that its facts name.

        Raises:
            ModelMismatch: adapter, base and tokenizer do not belong together.
            ResourceExhausted: memory ran out.
        """

    def probe(self, model: Artifact, *, scores: bool) -> Verdict:
        """Return whether the model can be asked, and with ``scores`` be scored; called before anything long."""
        return Verdict()
