"""Loads a fake target: whole models know nothing, adapters know the answers."""

from ftctl.domain.artifact import Artifact
from ftctl.domain.format import HF
from ftctl.plugin import options
from ftctl.ports.target import Target
from ftctl.ports.target_loader import TargetLoader
from ftctl.testing.fakes.target import FakeTarget


@options
class FakeTargetLoaderOptions:
    pass


class FakeTargetLoader(TargetLoader):
    def __init__(self, options: FakeTargetLoaderOptions) -> None:
        self._options = options

    def load(self, model: Artifact) -> Target:
        return FakeTarget(right=model.format != HF or "weights.txt" in model.facts.get("files", ()))
