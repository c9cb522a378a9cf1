"""Compressors."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest
from attrs import evolve

from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.example import Example
from ftctl.domain.resources import ModelShape
from ftctl.domain.verdict import Verdict
from ftctl.plugin import BRIDGE
from ftctl.ports.context import StageContext
from ftctl.testing.contracts import (
    CompressorContract,
)
from ftctl.testing.fakes import FakeCompressor
from ftctl.testing.fakes.tuner import LOSS
from tests.contract.broken.base import Broken
from tests.contract.models import fake_model


class Press(Broken, CompressorContract):
    @pytest.fixture
    def model(self, tmp_path: Path) -> Artifact:
        return fake_model(tmp_path)


class Hasty(FakeCompressor):
    def supports(self, shape: ModelShape) -> Verdict:
        import nosuchmodule  # noqa: F401

        return super().supports(shape)


class Careless(FakeCompressor):
    def compress(self, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        Path(model.path, "base.txt").write_text("mine now")
        return super().compress(model, calibration, context)


class Mislabelled(FakeCompressor):
    def compress(self, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        draft = super().compress(model, calibration, context)
        return evolve(draft, format="gguf") if calibration else draft


class Losing(FakeCompressor):
    def compress(self, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        draft = super().compress(model, calibration, context)
        (context.out / "chat_template.jinja").unlink()
        return draft


class Needy(FakeCompressor):
    def compress(self, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        assert calibration[0].messages
        return super().compress(model, calibration, context)


class Test_what_it_supports_is_said_without_its_backend(Press):
    kind = "Hasty"


class Test_the_model_is_only_read(Press):
    kind = "Careless"


class Test_it_says_what_it_made(Press):
    kind = "Mislabelled"


class Test_what_belongs_to_the_model_goes_along(Press):
    kind = "Losing"


class Test_without_rows_it_does_without_or_says_so(Press):
    kind = "Needy"


class Odd(FakeCompressor):
    def compress(self, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        return evolve(super().compress(model, calibration, context), format="odd")


class Bloated(FakeCompressor):
    def compress(self, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        draft = super().compress(model, calibration, context)
        (context.out / "more.txt").write_text("x" * 10_000)
        return draft


class Numb(FakeCompressor):
    def compress(self, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        draft = super().compress(model, calibration, context)
        (context.out / LOSS).write_text("12.0")
        return draft


class Test_something_opens_what_it_made(Press):
    kind = "Odd"
    change: ClassVar[dict[str, Any]] = {"produces": ("hf", "odd")}


class Test_it_is_as_small_as_it_says(Press):
    kind = "Bloated"

    @pytest.fixture
    def largest(self) -> float:
        return 2.0


class Test_it_answers_as_well_as_it_says(Press):
    kind = "Numb"

    @pytest.fixture
    def tolerance(self) -> float:
        return 0.1


class Test_it_loses_nothing(Press):
    kind = "Numb"
    change: ClassVar[dict[str, Any]] = {"capabilities": (BRIDGE,)}
