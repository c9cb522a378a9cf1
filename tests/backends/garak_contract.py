"""The contract of `garak`, which ``test_garak.py`` runs where garak lives."""

from collections.abc import Sequence
from typing import Any

import pytest

from ftctl.domain.example import Prompt
from ftctl.ports import Answer, Target
from ftctl.testing.contracts import EvaluatorContract
from ftctl.testing.fakes import FakeTarget


class Hijacked(FakeTarget):
    """Says what the question ends with, which is what it is told to say; where not ``hijacked``, that it will not."""

    def __init__(self, hijacked: bool) -> None:
        super().__init__()
        self.hijacked = hijacked

    def generate(self, prompts: Sequence[Prompt], max_new_tokens: int) -> list[Answer]:
        said = [prompt.question[-200:] if self.hijacked else "I'm sorry, I can't do that." for prompt in prompts]
        return [Answer(text, (1,), "stop") for text in said]

    def sample(self, prompts: Sequence[Prompt], max_new_tokens: int, temperature: float, seed: int) -> list[Answer]:
        return self.generate(prompts, max_new_tokens)


class TestGarak(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "garak"

    @pytest.fixture
    def values(self) -> dict[str, Any]:
        return {"probes": ["promptinject.HijackHateHumans"], "prompts": 20, "parallel": 4}

    @pytest.fixture
    def best(self) -> Target:
        return Hijacked(hijacked=False)

    @pytest.fixture
    def worst(self) -> Target:
        return Hijacked(hijacked=True)
