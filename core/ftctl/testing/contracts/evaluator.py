"""What an evaluator promises."""

import json
import math
from collections.abc import Sequence
from typing import Any, ClassVar

import pytest

from ftctl.domain.codec import from_plain, to_plain
from ftctl.domain.example import Example, Message
from ftctl.domain.metric import Metric
from ftctl.domain.report import Report
from ftctl.plugin.offer import Offer
from ftctl.ports.context import StageContext
from ftctl.ports.evaluator import Evaluator
from ftctl.ports.target import Target
from ftctl.testing.contracts.offer import OfferContract, make
from ftctl.testing.contracts.stage import recording
from ftctl.testing.fakes import FakeTarget

ROUNDING = 1e-9
NUMBERS = 40


class EvaluatorContract(OfferContract, contract=True):
    """``best`` and ``worst`` are targets that must score at the ends, on ``data``."""

    port: ClassVar[str] = "evaluator"
    base: ClassVar[type] = Evaluator

    @pytest.fixture
    def data(self) -> list[Example]:
        """Examples that both targets know; numbers to double."""
        return [
            Example(f"f:{n}", (Message("user", f"double {n}"), Message("assistant", str(2 * n))))
            for n in range(1, NUMBERS + 1)
        ]

    @pytest.fixture
    def best(self) -> Target:
        return FakeTarget(right=True, log_probability=-0.01)

    @pytest.fixture
    def worst(self) -> Target:
        return FakeTarget(right=False, log_probability=-9.0)

    @pytest.fixture
    def context(self, tmp_path: Any) -> StageContext:
        return recording(tmp_path)

    @pytest.fixture
    def report(self, made: Evaluator, best: Target, data: Sequence[Example], context: StageContext) -> Report:
        return made.evaluate(best, data, context)

    def test_every_metric_says_what_it_is(self, report: Report, data: Sequence[Example]) -> None:
        assert report.metrics, "it measures nothing"
        names = [metric.name for metric in report.metrics]
        assert len(set(names)) == len(names), "two metrics have one name"
        for metric in report.metrics:
            assert metric.unit, f"{metric.name} has no unit"
            assert metric.direction in ("higher", "lower"), f"{metric.name} does not say what is better"
            assert math.isfinite(metric.value), f"{metric.name} is {metric.value}"
            assert 0 < metric.n <= len(data), f"{metric.name} counts {metric.n} of {len(data)} examples"
            assert metric.stderr is None or metric.stderr >= 0

    def test_shares_stay_between_nothing_and_all(
        self, found: Offer, values: dict[str, Any], best: Target, worst: Target, data: Sequence[Example],
        context: StageContext,
    ) -> None:  # fmt: skip
        for target in (best, worst):
            for metric in make(found, values).evaluate(target, data, context).metrics:
                if metric.unit == "share":
                    assert -ROUNDING <= metric.value <= 1 + ROUNDING, f"{metric.name} is {metric.value}"

    def test_the_best_target_is_better_and_the_worst_is_nowhere_better(
        self, report: Report, found: Offer, values: dict[str, Any], worst: Target, data: Sequence[Example],
        context: StageContext,
    ) -> None:  # fmt: skip
        poor = {metric.name: metric for metric in make(found, values).evaluate(worst, data, context).metrics}
        assert poor.keys() == {metric.name for metric in report.metrics}, "another target has other metrics"
        gains = {metric.name: _gain(metric, poor[metric.name]) for metric in report.metrics}
        assert min(gains.values()) >= -ROUNDING, f"the worst target is better in {min(gains, key=lambda n: gains[n])}"
        assert max(gains.values()) > 0, "best and worst score alike"

    def test_the_same_answers_give_the_same_figures(
        self, report: Report, found: Offer, values: dict[str, Any], best: Target, data: Sequence[Example],
        context: StageContext,
    ) -> None:  # fmt: skip
        assert make(found, values).evaluate(best, data, context) == report

    def test_every_example_that_was_measured_has_a_record(self, report: Report, data: Sequence[Example]) -> None:
        most = max(metric.n for metric in report.metrics)
        assert len(report.records) == most, f"{most} examples were measured, and {len(report.records)} are recorded"

    def test_the_report_survives_json(self, report: Report) -> None:
        assert from_plain(json.loads(json.dumps(to_plain(report))), Report) == report


def _gain(one: Metric, other: Metric) -> float:
    return (one.value - other.value) * (1 if one.direction == "higher" else -1)
