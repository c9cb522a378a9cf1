"""What a compressor promises."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.codec import to_plain
from ftctl.domain.example import Example, Message
from ftctl.domain.resources import ModelShape
from ftctl.domain.verdict import Verdict
from ftctl.errors import NoUsableRows
from ftctl.plugin.checking import check_options
from ftctl.plugin.offer import Offer, load
from ftctl.ports.compressor import Compressor
from ftctl.ports.context import StageContext
from ftctl.testing.contracts.offer import OfferContract, in_fresh_python, make
from ftctl.testing.contracts.stage import recording

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


class CompressorContract(OfferContract, contract=True):
    """``model`` is what it is given; ``companions`` are files that must go wherever the model goes."""

    port: ClassVar[str] = "compressor"
    base: ClassVar[type] = Compressor

    @pytest.fixture
    def model(self) -> Artifact:
        """A model in a format that it accepts."""
        raise NotImplementedError("a contract needs the fixture `model`: an Artifact that the compressor accepts")

    @pytest.fixture
    def shape(self) -> ModelShape:
        """What the planner knows of a model that it supports."""
        tensors: dict[str, tuple[int, ...]] = {"layers.0.weight": (128, 128), "embed_tokens.weight": (256, 128)}
        return ModelShape("Qwen2ForCausalLM", 49_152, 98_304, 128, 1, 256, 512, "bfloat16", tensors, heads=2)

    @pytest.fixture
    def calibration(self) -> list[Example]:
        """Rows of the train split."""
        return [
            Example(f"f:{n}", (Message("user", f"double {n}"), Message("assistant", str(2 * n)))) for n in range(16)
        ]

    @pytest.fixture
    def companions(self) -> tuple[str, ...]:
        return ("tokenizer.json", "chat_template.jinja", "generation_config.json", "golden.json")

    @pytest.fixture
    def context(self, tmp_path: Path) -> StageContext:
        return recording(tmp_path)

    @pytest.fixture
    def draft(self, made: Compressor, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        return made.compress(model, calibration, context)

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

    def test_the_model_is_only_read(self, model: Artifact, made: Compressor, calibration: Sequence[Example],
                                    context: StageContext) -> None:  # fmt: skip
        before = _hashes(Path(model.path))
        made.compress(model, calibration, context)
        assert _hashes(Path(model.path)) == before

    def test_it_says_what_it_made(self, draft: Draft, found: Offer, context: StageContext) -> None:
        assert draft.kind in ("model", "adapter")
        assert draft.format in found.produces, f"{draft.format} is not among {found.produces}"
        json.dumps(to_plain(draft.facts))
        assert any(path.is_file() for path in context.out.rglob("*")), "it left no file"

    def test_what_belongs_to_the_model_goes_along(
        self, draft: Draft, model: Artifact, companions: tuple[str, ...], context: StageContext
    ) -> None:
        there = [name for name in companions if Path(model.path, name).exists()]
        lost = [name for name in there if not (context.out / name).exists()]
        assert not lost, f"left behind: {lost}"
        changed = [name for name in there if (context.out / name).read_bytes() != Path(model.path, name).read_bytes()]
        assert not changed, f"changed on the way: {changed}"

    def test_without_rows_it_does_without_or_says_so(
        self, found: Offer, values: dict[str, Any], model: Artifact, context: StageContext
    ) -> None:
        try:
            made = make(found, values).compress(model, (), context)
        except NoUsableRows:
            return
        assert made.format in found.produces


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
