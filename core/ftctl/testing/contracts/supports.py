"""Contract of `supports`, which backends answer while a run is planned."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from ftctl.domain.artifact import Artifact
from ftctl.domain.format import HF
from ftctl.domain.resources import ModelShape
from ftctl.domain.verdict import Verdict
from ftctl.plugin.offer import Offer
from ftctl.testing.contracts.offer import OfferContract
from ftctl.testing.contracts.without_backend import without_backend
from ftctl.testing.samples import tiny_model

WEIGHTS = {".safetensors", ".onnx", ".data", ".gguf", ".txt"}
"""Suffixes of files that hold weights; text for fakes."""


class SupportingContract(OfferContract, contract=True):
    """``model`` is what it is given, ``shape`` what the planner knows of such a model."""

    @pytest.fixture
    def model(self, found: Offer) -> Artifact:
        """A model in a format that it accepts."""
        if HF not in found.accepts:
            pytest.fail(f"override the fixture `model` with an Artifact of format {' or '.join(found.accepts)}")
        return tiny_model()

    @pytest.fixture
    def shape(self) -> ModelShape:
        """Shape of a model that it supports."""
        tensors: dict[str, tuple[int, ...]] = {"layers.0.weight": (128, 128), "embed_tokens.weight": (256, 128)}
        return ModelShape("Qwen2ForCausalLM", 49_152, 98_304, 128, 1, 256, 512, "bfloat16", tensors, heads=2)

    def test_what_it_supports_is_said_without_its_backend(
        self, found: Offer, values: dict[str, Any], shape: ModelShape
    ) -> None:
        (verdict,) = without_backend(found, values, "supports", shape, [()], Verdict)
        assert not verdict.reasons, "it refuses the fixture `shape`; override that with a model it supports"


def hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of the folder."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
