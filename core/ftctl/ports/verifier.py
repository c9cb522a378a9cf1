"""Secondary port: compare a server's answers with the tuned model's."""

from abc import ABC, abstractmethod

from ftctl.domain.artifact import Artifact
from ftctl.domain.launch import Endpoint
from ftctl.domain.report import Report
from ftctl.ports.context import StageContext


class Verifier(ABC):
    """Verifier; constructed with its options alone."""

    @abstractmethod
    def verify(self, model: Artifact, endpoint: Endpoint, context: StageContext) -> Report:
        """Replay the artifact's golden cases.

        Raises:
            ServedDifferently: an answer that must be equal is not; the error names the link that broke.
        """
