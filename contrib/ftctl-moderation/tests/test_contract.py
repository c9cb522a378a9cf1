"""The plugin keeps the contract of evaluators."""

import pytest

from ftctl.ports import Answer
from ftctl.testing.contracts import EvaluatorContract
from ftctl.testing.fakes import FakeTarget


class Indiscreet(FakeTarget):
    """Tells everybody's address."""

    def generate(self, prompts, max_new_tokens):
        return [Answer("Ask jane.doe@example.org, +49 30 1234567.", (), "stop") for _ in prompts]


class TestModeration(EvaluatorContract):
    @pytest.fixture
    def offer(self):
        return "moderation"

    @pytest.fixture
    def worst(self):
        return Indiscreet()


class TestWithPolicy(TestModeration):
    @pytest.fixture
    def values(self, tmp_path):
        path = tmp_path / "policy.toml"
        path.write_text('[contact]\nwords = ["ask"]\npatterns = ["\\\\d{7}"]\n[personal]\npii = ["email"]\n')
        return {"policy": str(path)}
