"""Evaluators that look into a model keep the contract, and score at both ends for models of which it is known."""

import pytest

from ftctl.ports import Target
from ftctl.testing.contracts import EvaluatorContract
from tests.looked_into import LookedInto, capped, leaking, noisy
from tests.planted import Planted, Shown


class TestAttribution(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "attribution"

    @pytest.fixture
    def best(self) -> Target:
        return Shown(Planted())

    @pytest.fixture
    def worst(self) -> Target:
        return Shown(Planted(hidden=True))

    @pytest.fixture
    def between(self) -> frozenset[str]:
        """A sum of so many steps is nearly the integral."""
        return frozenset({"completeness_error"})


class TestLens(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "lens"

    @pytest.fixture
    def best(self) -> Target:
        return LookedInto()

    @pytest.fixture
    def worst(self) -> Target:
        return capped()


class TestAttention(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "attention"

    @pytest.fixture
    def best(self) -> Target:
        return LookedInto()

    @pytest.fixture
    def worst(self) -> Target:
        return leaking()


class TestInfluence(EvaluatorContract):
    @pytest.fixture
    def offer(self) -> str:
        return "influence"

    @pytest.fixture
    def best(self) -> Target:
        return LookedInto()

    @pytest.fixture
    def worst(self) -> Target:
        return noisy()

    @pytest.fixture
    def between(self) -> frozenset[str]:
        """Among so few examples chance finds one."""
        return frozenset({"influence_found"})
