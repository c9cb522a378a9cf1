"""Contract of compressors."""

import copy
import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.codec import to_plain
from ftctl.domain.example import Example, Message
from ftctl.errors import NoUsableRows
from ftctl.plugin.capabilities import BRIDGE
from ftctl.plugin.offer import Offer
from ftctl.plugin.registry import Registry
from ftctl.ports.compressor import Compressor
from ftctl.ports.context import StageContext
from ftctl.ports.target import Target
from ftctl.testing.contracts.base import capability
from ftctl.testing.contracts.offer import make
from ftctl.testing.contracts.stage import recording
from ftctl.testing.contracts.supports import WEIGHTS, SupportingContract, hashes
from ftctl.testing.contracts.target_loader import mean_loss, open_target

NOTHING_LOST = 0.01
"""Nats a token: what storing a sum of two bfloat16 in bfloat16 may cost."""


class CompressorContract(SupportingContract, contract=True):
    """Contract of compressors; ``companions`` are files that must go along with the model."""

    port: ClassVar[str] = "compressor"
    base: ClassVar[type] = Compressor
    draws: ClassVar[bool] = True

    @pytest.fixture
    def calibration(self) -> list[Example]:
        """Rows of the train split."""
        return [
            Example(f"f:{n}", (Message("user", f"double {n}"), Message("assistant", str(2 * n)))) for n in range(16)
        ]

    @pytest.fixture
    def companions(self) -> tuple[str, ...]:
        """Files that must be copied unchanged."""
        return ("tokenizer.json", "chat_template.jinja", "generation_config.json", "golden.json")

    @pytest.fixture
    def largest(self) -> float | None:
        """Largest size of the weights as a share of the input's; ``None`` for no promise."""
        return None

    @pytest.fixture
    def tolerance(self) -> float | None:
        """Largest loss of a token's log-probability in nats; ``None`` for no promise."""
        return None

    @pytest.fixture
    def target(self, registry: Registry) -> Callable[[Artifact], Target]:
        """Return a function that opens a model by the first loader for its format."""
        return lambda artifact: open_target(registry, artifact)

    @pytest.fixture
    def context(self, tmp_path: Path) -> StageContext:
        """Context of a stage that records its events."""
        return recording(tmp_path)

    @pytest.fixture
    def draft(self, made: Compressor, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        """Draft of the model compressed once."""
        return made.compress(model, calibration, context)

    @pytest.fixture
    def used(
        self, found: Offer, values: dict[str, Any], model: Artifact, calibration: Sequence[Example], tmp_path: Path
    ) -> Callable[[], object]:
        """Function that compresses the model."""
        numbers = itertools.count()
        return lambda: make(found, values).compress(model, calibration, recording(tmp_path / f"used-{next(numbers)}"))

    def test_the_model_is_only_read(self, model: Artifact, made: Compressor, calibration: Sequence[Example],
                                    context: StageContext) -> None:  # fmt: skip
        before, rows = hashes(Path(model.path)), copy.deepcopy(list(calibration))
        made.compress(model, calibration, context)
        assert hashes(Path(model.path)) == before
        assert list(calibration) == rows

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

    def test_something_opens_what_it_made(self, draft: Draft, registry: Registry) -> None:
        offers = (*registry.offers("target_loader"), *registry.offers("server"))
        assert [offer for offer in offers if draft.format in offer.accepts], f"nothing opens {draft.format!r}"

    def test_it_is_as_small_as_it_says(
        self, draft: Draft, model: Artifact, largest: float | None, context: StageContext
    ) -> None:
        if largest is None:
            pytest.skip("it does not say how small; override the fixture `largest`")
        before, after = _bytes(Path(model.path)), _bytes(context.out)
        assert after <= largest * before, f"{draft.format}: {after:,} of {before:,} bytes"

    def test_it_answers_as_well_as_it_says(
        self, draft: Draft, model: Artifact, calibration: Sequence[Example], tolerance: float | None,
        target: Callable[[Artifact], Target], context: StageContext,
    ) -> None:  # fmt: skip
        if tolerance is None:
            pytest.skip("it does not say how well; override the fixture `tolerance`")
        before, after = (mean_loss(target(one), calibration) for one in (model, _made(draft, model, context)))
        assert after - before <= tolerance, f"-log p a token of the answers was {before:.4f} and is {after:.4f}"

    @capability(BRIDGE)
    def test_it_loses_nothing(
        self, draft: Draft, model: Artifact, calibration: Sequence[Example], target: Callable[[Artifact], Target],
        context: StageContext,
    ) -> None:  # fmt: skip
        """Check that a bridge, which the planner inserts by itself, loses nothing."""
        before, after = (mean_loss(target(one), calibration) for one in (model, _made(draft, model, context)))
        assert abs(after - before) <= NOTHING_LOST, f"-log p a token of the answers was {before:.4f} and is {after:.4f}"

    def test_without_rows_it_does_without_or_says_so(
        self, found: Offer, values: dict[str, Any], model: Artifact, context: StageContext
    ) -> None:
        try:
            made = make(found, values).compress(model, (), context)
        except NoUsableRows:
            return
        assert made.format in found.produces


def _made(draft: Draft, model: Artifact, context: StageContext) -> Artifact:
    return Artifact(draft.kind, draft.format, "a" * 64, str(context.out), draft.facts, model.base)


def _bytes(folder: Path) -> int:
    """Return the bytes of the files that hold weights."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.suffix in WEIGHTS)
