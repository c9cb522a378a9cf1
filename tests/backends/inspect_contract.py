"""The contract of `inspect-ai`, which ``test_inspect_ai.py`` runs where Inspect lives."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from ftctl.domain.example import Prompt
from ftctl.ports import Answer, Target
from ftctl.testing.contracts import EvaluatorContract
from ftctl.testing.fakes import FakeTarget

TASK = """
from inspect_ai import Task, task
from inspect_ai.dataset import Sample
from inspect_ai.scorer import includes

@task
def echo():
    samples = [Sample(input=f"Say {word}.", target=word, id=word) for word in ("stone", "river", "cloud")]
    return Task(dataset=samples, scorer=includes())
"""


class Obeying(FakeTarget):
    """Says what it is told to; or, where it does not obey, nothing of use."""

    def __init__(self, obeys: bool) -> None:
        super().__init__()
        self.obeys = obeys

    def generate(self, prompts: Sequence[Prompt], max_new_tokens: int) -> list[Answer]:
        said = [prompt.question.removeprefix("Say ") if self.obeys else "No." for prompt in prompts]
        return [Answer(text, (1,), "stop") for text in said]


class TestInspectAI(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "inspect-ai"

    @pytest.fixture
    def values(self, tmp_path: Path) -> dict[str, Any]:
        (tmp_path / "tasks").mkdir()
        (tmp_path / "tasks" / "echo.py").write_text(TASK, encoding="utf-8")
        return {"tasks": [f"{tmp_path / 'tasks' / 'echo.py'}@echo"], "parallel": 4}

    @pytest.fixture
    def best(self) -> Target:
        return Obeying(obeys=True)

    @pytest.fixture
    def worst(self) -> Target:
        return Obeying(obeys=False)
