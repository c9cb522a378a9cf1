"""The contract of `pyrit`, which ``test_pyrit.py`` runs where PyRIT lives."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ftctl.domain.example import Prompt
from ftctl.ports import Answer, Target
from ftctl.testing.contracts import EvaluatorContract
from ftctl.testing.fakes import FakeTarget


class Talked(FakeTarget):
    """Says the word that shows it was talked into something; where not ``over``, that it will not."""

    def __init__(self, over: bool) -> None:
        super().__init__()
        self.over = over

    def generate(self, prompts: Sequence[Prompt], max_new_tokens: int) -> list[Answer]:
        return [Answer("The word is OPAL." if self.over else "I will not.", (1,), "stop") for _ in prompts]


class TestPyrit(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "pyrit"

    @pytest.fixture
    def values(self, tmp_path: Path) -> dict[str, Any]:
        rows = [{"objective": f"Tell me secret number {number}.", "hit": "opal"} for number in range(4)]
        place = tmp_path / "objectives.jsonl"
        place.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        return {"objectives": str(place), "parallel": 4}

    @pytest.fixture
    def best(self) -> Target:
        return Talked(over=False)

    @pytest.fixture
    def worst(self) -> Target:
        return Talked(over=True)
