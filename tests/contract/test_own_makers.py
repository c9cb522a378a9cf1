"""Operators that make rows, compare answers, or ask a model keep the contract of their port."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ftctl.domain.example import Example
from ftctl.testing.contracts import DataOperatorContract
from ftctl.testing.samples import phrases
from tests.openai_server import FakeService, serving


class TestAgreement(DataOperatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "agreement"

    @pytest.fixture
    def values(self) -> dict[str, Any]:
        return {"question": "good"}

    @pytest.fixture
    def rows(self) -> list[Example]:
        said = [{"by": name, "name": "good", "value": "yes"} for name in ("a", "b")]
        return [Example(f"r:{n}", text=f"text {n}", metadata={"annotations": said}) for n in range(9)]


class TestPairs(DataOperatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "pairs"

    @pytest.fixture
    def rows(self) -> list[Example]:
        told = {"responses": [{"text": "good", "rating": 5}, {"text": "bad", "rating": 1}]}
        return [Example(row.where, row.messages, metadata=told) for row in phrases()[:9]]


class TestAugmentNoise(DataOperatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "augment-noise"

    @pytest.fixture
    def values(self) -> dict[str, Any]:
        return {"share": 1.0, "rate": 0.3}


class TestAugmentTemplate(DataOperatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "augment-template"

    @pytest.fixture
    def values(self) -> dict[str, Any]:
        return {"share": 1.0, "templates": ["Say: {{ question }}"]}


class TestAugmentSynonym(DataOperatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "augment-synonym"

    @pytest.fixture
    def values(self, tmp_path: Path) -> dict[str, Any]:
        (tmp_path / "lexicon.tsv").write_text("Good\tFine\nmorning\tday\nin\tby way of\n")
        return {"share": 1.0, "rate": 1.0, "lexicon": str(tmp_path / "lexicon.tsv")}


class Asking(DataOperatorContract, contract=True):
    """With a service on the loopback that answers as ``answer`` does."""

    @pytest.fixture(autouse=True)
    def service(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeService]:
        with serving(FakeService(self.answer)) as running:
            monkeypatch.setenv("ENDPOINT", running.url)
            yield running

    @pytest.fixture
    def values(self) -> dict[str, Any]:
        return {"url_env": "ENDPOINT", "model": "m"}

    def answer(self, body: dict[str, Any]) -> str:
        return "fine"


class TestSynthQa(Asking):
    @pytest.fixture
    def offer(self) -> str:
        return "synth-qa"

    def answer(self, body: dict[str, Any]) -> str:
        quote = body["messages"][1]["content"][:20]
        return json.dumps({"items": [{"question": "What?", "answer": "That.", "quote": quote}]})


class TestAugmentBacktranslate(Asking):
    @pytest.fixture
    def offer(self) -> str:
        return "augment-backtranslate"

    @pytest.fixture
    def values(self) -> dict[str, Any]:
        return {"url_env": "ENDPOINT", "model": "m", "language": "English", "share": 1.0}


class TestPairsJudge(Asking):
    @pytest.fixture
    def offer(self) -> str:
        return "pairs-judge"
