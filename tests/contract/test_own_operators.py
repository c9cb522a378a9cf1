"""The operators of the data stage that come with ftctl, and the fakes, keep the contract of their port."""

import json
from pathlib import Path
from typing import Any

import pytest

from ftctl.domain.example import Example, Message
from ftctl.plugin.registry import Registry
from ftctl.testing.contracts import DataOperatorContract
from ftctl.testing.offers import fake_entry_points
from ftctl_adapters.records.gold import item_of


class TestCleanEncoding(DataOperatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "clean-encoding"


class TestNormalise(DataOperatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "normalise"

    @pytest.fixture
    def values(self) -> dict[str, Any]:
        return {"whitespace": "collapse", "punctuation": "fullwidth", "line_ends": "lf"}


class TestFilterTurns(DataOperatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "filter-turns"

    @pytest.fixture
    def values(self) -> dict[str, Any]:
        return {"min_turns": 3}


class TestFilterQuality(DataOperatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "filter-quality"

    @pytest.fixture
    def values(self) -> dict[str, Any]:
        return {"min_words": 4, "max_digit_ratio": 0.2}


class TestFilterLanguage(DataOperatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "filter-language"

    @pytest.fixture
    def values(self) -> dict[str, Any]:
        return {"keep": ["en"], "undetermined": "drop"}


class TestDedupExact(DataOperatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "dedup-exact"


class TestDedupNear(DataOperatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "dedup-near"


class TestPii(DataOperatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "pii"


class TestPiiRejects(TestPii):
    @pytest.fixture
    def values(self) -> dict[str, Any]:
        return {"action": "reject"}


class TestDecontaminate(DataOperatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "decontaminate"

    @pytest.fixture
    def values(self, tmp_path: Path) -> dict[str, Any]:
        (tmp_path / "exam.jsonl").write_text(json.dumps({"text": "Good morning to everybody who reads this sentence."}))
        return {"against": [str(tmp_path / "exam.jsonl")]}


class TestSplit(DataOperatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "split"


class TestEncrypt(DataOperatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "encrypt"

    @pytest.fixture
    def values(self, tmp_path: Path) -> dict[str, Any]:
        (tmp_path / "key").write_text("0123456789abcdef" * 4 + "\n")
        return {"key_file": str(tmp_path / "key")}


class Fake:
    @pytest.fixture
    def registry(self) -> Registry:
        return Registry(fake_entry_points)

    @pytest.fixture
    def manifest(self) -> str:
        return "ftctl.testing.offers"


class TestFakeDataOperator(Fake, DataOperatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "fake"


class TestFakeSetOperator(Fake, DataOperatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "fake-dedup"

    @pytest.fixture
    def rows(self) -> list[Example]:
        return [Example(f"r:{n}", (Message("user", f"{n} asks"), Message("assistant", "yes"))) for n in range(10, 40)]


class TestFakeMaker(Fake, DataOperatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "fake-maker"


class TestFakeSplit(Fake, DataOperatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "fake-split"


class TestFakeSeal(Fake, DataOperatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "fake-seal"


class TestGoldset(DataOperatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "goldset"

    @pytest.fixture
    def values(self) -> dict[str, Any]:
        return {"count": 3, "clusters": 2}


class TestGoldAnswers(DataOperatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "gold-answers"

    @pytest.fixture
    def values(self, tmp_path: Path, rows: list[Example]) -> dict[str, Any]:
        lines = ["item,expected", *(f"{item_of(row)},yes" for row in rows)]
        (tmp_path / "anna.csv").write_text("\n".join(lines) + "\n")
        return {"files": [str(tmp_path / "anna.csv")]}
