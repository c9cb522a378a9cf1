"""What holds for backends that are asked, when a run is planned, whether they can take a model."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from ftctl.domain.artifact import Artifact
from ftctl.domain.codec import to_plain
from ftctl.domain.resources import ModelShape
from ftctl.domain.verdict import Verdict
from ftctl.plugin.checking import check_options
from ftctl.plugin.offer import Offer, load
from ftctl.testing.contracts.offer import OfferContract, in_fresh_python

SUPPORTS = """
import json, sys
for name in {needs!r}:
    sys.modules[name] = None
from ftctl.domain.codec import from_plain
from ftctl.domain.resources import ModelShape
from ftctl.plugin.offer import load
backend = load({factory!r})(load({options!r})(**{values!r}))
found = backend.supports(from_plain(json.loads({shape!r}), ModelShape))
print(json.dumps([type(found).__name__, list(found.reasons)]))
"""


class SupportingContract(OfferContract, contract=True):
    """``model`` is what it is given, ``shape`` what the planner knows of such a model."""

    @pytest.fixture
    def model(self) -> Artifact:
        """A model in a format that it accepts."""
        raise NotImplementedError("a contract needs the fixture `model`: an Artifact that the backend accepts")

    @pytest.fixture
    def shape(self) -> ModelShape:
        """Of a model that it supports."""
        tensors: dict[str, tuple[int, ...]] = {"layers.0.weight": (128, 128), "embed_tokens.weight": (256, 128)}
        return ModelShape("Qwen2ForCausalLM", 49_152, 98_304, 128, 1, 256, 512, "bfloat16", tensors, heads=2)

    def test_what_it_supports_is_said_without_its_backend(
        self, found: Offer, values: dict[str, Any], shape: ModelShape
    ) -> None:
        good, _ = check_options(load(found.options), values, "values")
        needs = [need.module for need in found.needs]
        plain = json.dumps(to_plain(shape))
        program = SUPPORTS.format(needs=needs, factory=found.factory, options=found.options, values=good, shape=plain)
        kind, reasons = json.loads(in_fresh_python(program))
        assert kind == Verdict.__name__
        assert reasons == [], "it refuses the fixture `shape`; override that with a model it supports"


def hashes(folder: Path) -> dict[str, str]:
    """Every file of the folder, by its SHA-256."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
