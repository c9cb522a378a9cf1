"""Loads a fake target: whole models know nothing, adapters know the answers."""

from pathlib import Path

from ftctl.domain.artifact import Artifact
from ftctl.domain.format import HF
from ftctl.domain.verdict import Verdict
from ftctl.plugin import option, options
from ftctl.ports.target import Target
from ftctl.ports.target_loader import TargetLoader
from ftctl.testing.fakes.target import FakeTarget
from ftctl.testing.fakes.tuner import LOSS

UNTRAINED = 9.0
"""-log p a token of what nobody trained."""


@options
class FakeTargetLoaderOptions:
    """Options of `FakeTargetLoader`."""


class FakeTargetLoader(TargetLoader):
    """Loads fake targets."""

    def __init__(self, options: FakeTargetLoaderOptions) -> None:
        self._options = options

    def load(self, model: Artifact) -> Target:
        told = Path(model.path, LOSS)
        loss = float(told.read_text()) if told.exists() else UNTRAINED
        right = model.format != HF or "weights.txt" in model.facts.get("files", ())
        return FakeTarget(right=right, log_probability=-loss)


@options
class FakeAskerOptions:
    """Options of `FakeAsker`."""

    concurrency: int = option(1, help="Concurrent requests.", ge=1)
    max_error_rate: float = option(0.0, help="Share of questions that may stay unanswered.", ge=0, lt=0.5)


class FakeAsker(TargetLoader):
    """Loads a fake served model that knows the answers; one whose address contains ``deaf`` has no scores."""

    def __init__(self, options: FakeAskerOptions) -> None:
        self._options = options

    def load(self, model: Artifact) -> Target:
        return FakeTarget()

    def probe(self, model: Artifact, *, scores: bool) -> Verdict:
        return Verdict(("it ignores the field `logprobs`",) if scores and "deaf" in model.facts["url"] else ())
