"""Secondary port: load a model artifact for evaluation."""

from abc import ABC, abstractmethod

from ftctl.domain.artifact import Artifact
from ftctl.domain.verdict import Verdict
from ftctl.ports.target import Target


class TargetLoader(ABC):
    """Target loader; constructed with its options alone."""

    @abstractmethod
    def load(self, model: Artifact) -> Target:
        """Load the model to generate and score; for the format ``endpoint``, connect to the server in its facts.

        Raises:
            ModelMismatch: adapter, base and tokenizer do not belong together.
            ResourceExhausted: memory ran out.
        """

    def probe(self, model: Artifact, *, scores: bool) -> Verdict:
        """Return whether the model can answer, and with ``scores`` be scored; called before long work."""
        return Verdict()
