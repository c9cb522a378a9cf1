"""Loads a fake target: whole models know nothing, adapters know the answers."""

from pathlib import Path

from ftctl.domain.artifact import Artifact
from ftctl.domain.format import HF
from ftctl.plugin import options
from ftctl.ports.target import Target
from ftctl.ports.target_loader import TargetLoader
from ftctl.testing.fakes.target import FakeTarget
from ftctl.testing.fakes.tuner import LOSS

UNTRAINED = 9.0
"""-log p a token of what nobody trained."""


@options
class FakeTargetLoaderOptions:
    pass


class FakeTargetLoader(TargetLoader):
    def __init__(self, options: FakeTargetLoaderOptions) -> None:
        self._options = options

    def load(self, model: Artifact) -> Target:
        told = Path(model.path, LOSS)
        loss = float(told.read_text()) if told.exists() else UNTRAINED
        right = model.format != HF or "weights.txt" in model.facts.get("files", ())
        return FakeTarget(right=right, log_probability=-loss)
