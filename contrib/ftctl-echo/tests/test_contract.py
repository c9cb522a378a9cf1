"""The plugin keeps the contract of evaluators."""

import pytest

from ftctl.ports import Answer
from ftctl.testing.contracts import EvaluatorContract
from ftctl.testing.fakes import FakeTarget


class Parrot(FakeTarget):
    """Says what it is told."""

    def generate(self, prompts, max_new_tokens):
        return [Answer(prompt.question, (), "stop") for prompt in prompts]


class TestEcho(EvaluatorContract):
    @pytest.fixture
    def offer(self):
        return "echo"

    @pytest.fixture
    def worst(self):
        return Parrot()
