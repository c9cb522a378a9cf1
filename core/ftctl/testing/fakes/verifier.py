"""A verifier that finds every server in order, or none."""

from ftctl.domain.artifact import Artifact
from ftctl.domain.launch import Endpoint
from ftctl.domain.report import Report
from ftctl.errors import ServedDifferently
from ftctl.plugin import option, options
from ftctl.ports.context import StageContext
from ftctl.ports.verifier import Verifier


@options
class FakeVerifierOptions:
    """Options of `FakeVerifier`."""

    refuses: bool = option(False, help="Find a difference.")


class FakeVerifier(Verifier):
    """Finds every server in order, unless told otherwise."""

    def __init__(self, options: FakeVerifierOptions) -> None:
        self._options = options

    def verify(self, model: Artifact, endpoint: Endpoint, context: StageContext) -> Report:
        if self._options.refuses:
            raise ServedDifferently("other weights")
        return Report("fake", (), (), {"golden": f"{endpoint.model} is as it should be"})
