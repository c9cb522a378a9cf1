"""Contract of evaluators."""

import copy
import itertools
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, TypeVar, get_args

import pytest
from attrs import evolve

from ftctl.domain.codec import from_plain, to_plain
from ftctl.domain.example import Example, Message, Prompt
from ftctl.domain.metric import Direction, Metric
from ftctl.domain.names import is_name
from ftctl.domain.report import Report
from ftctl.plugin.capabilities import INSIDE, OWN_CASES, SCORES, SERVER
from ftctl.plugin.offer import Offer
from ftctl.ports.evaluator import Evaluator
from ftctl.ports.target import Answer, EndpointAccess, LoadedModel, Score, Target
from ftctl.testing.contracts.base import capability
from ftctl.testing.contracts.offer import OfferContract, make
from ftctl.testing.contracts.stage import recording
from ftctl.testing.fakes import FakeTarget

T = TypeVar("T")

ROUNDING = 1e-9
ENDED = 1e-6
"""How near to its end a figure must be: scores of other programs have roundings of their own."""
NUMBERS = 40


class EvaluatorContract(OfferContract, contract=True):
    """Contract of evaluators; ``best`` and ``worst`` are targets that must score at the ends, on ``data``."""

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
    def trained(self, data: list[Example]) -> list[Example]:
        """Examples that both targets were trained on."""
        return data

    @pytest.fixture
    def origin(self) -> Target:
        """Base model of both targets, for evaluators that compare with it."""
        return FakeTarget(right=True, log_probability=0.0)

    @pytest.fixture
    def best(self) -> Target:
        """Target that gives every expected answer."""
        return FakeTarget(right=True, log_probability=0.0)

    @pytest.fixture
    def worst(self) -> Target:
        """Target that gives no expected answer."""
        return FakeTarget(right=False, log_probability=-9.0)

    @pytest.fixture
    def unordered(self) -> frozenset[str]:
        """Metrics by which no target is better than another, such as a length."""
        return frozenset()

    @pytest.fixture
    def conditional(self) -> frozenset[str]:
        """Metrics over a subset that depends on the answers, such as attacks on capable models."""
        return frozenset()

    @pytest.fixture
    def between(self) -> frozenset[str] | None:
        """Metrics whose ends these two targets do not reach, such as the similarity of texts.

        ``None`` where nobody chose the targets for this evaluator, and so nobody knows.
        """
        return frozenset()

    @pytest.fixture
    def own(self, found: Offer) -> bool:
        """True if the evaluator brings its own cases."""
        return OWN_CASES in found.capabilities

    @pytest.fixture
    def measured(
        self,
        found: Offer,
        values: dict[str, Any],
        data: Sequence[Example],
        trained: Sequence[Example],
        origin: Target,
        tmp_path: Path,
    ) -> Callable[[Target], Report]:
        """Function that evaluates a target, each time in a folder of its own."""
        numbers = itertools.count()

        def measure(target: Target) -> Report:
            context = evolve(
                recording(tmp_path / str(next(numbers))), training=lambda: iter(trained), base=lambda: origin
            )
            report: Report = make(found, values).evaluate(target, data, context)
            return report

        return measure

    @pytest.fixture(scope="class")
    @classmethod
    def _kept_by_class(cls) -> dict[str, Any]:
        return {}

    @pytest.fixture
    def kept(self, request: pytest.FixtureRequest, _kept_by_class: dict[str, Any]) -> dict[str, Any]:
        """Cache of measurements for the class: a scanner takes seconds, and most tests look at the same report.

        Nothing is kept for tests that have parameters: each is of another backend, or of other options.
        """
        return {} if hasattr(request.node, "callspec") else _kept_by_class

    @pytest.fixture
    def report(self, kept: dict[str, Any], measured: Callable[[Target], Report], best: Target) -> Report:
        """Report of the best target."""
        return _once(kept, "best", lambda: measured(best))

    @pytest.fixture
    def poor(self, kept: dict[str, Any], measured: Callable[[Target], Report], worst: Target) -> Report:
        """Report of the worst target."""
        return _once(kept, "worst", lambda: measured(worst))

    @pytest.fixture
    def through(self, kept: dict[str, Any], measured: Callable[[Target], Report], best: Target) -> "_Through":
        """The best target, with a record of the requests made to it."""

        def asked() -> _Through:
            through = _Through(best)
            measured(through)
            return through

        return _once(kept, "through", asked)

    @pytest.fixture
    def used(self, measured: Callable[[Target], Report], best: Target) -> Callable[[], object]:
        """Function that evaluates the best target."""
        return lambda: measured(best)

    def test_examples_are_only_read(
        self, measured: Callable[[Target], Report], best: Target, data: Sequence[Example]
    ) -> None:
        before = copy.deepcopy(list(data))
        measured(best)
        assert list(data) == before

    def test_every_metric_says_what_it_is(
        self, report: Report, poor: Report, data: Sequence[Example], own: bool
    ) -> None:
        assert is_name(report.evaluator), f"{report.evaluator!r} cannot name a file"
        assert report.metrics, "it measures nothing"
        names = [metric.name for metric in report.metrics]
        assert len(set(names)) == len(names), "two metrics have one name"
        for metric in (*report.metrics, *poor.metrics):
            assert metric.name, "a metric has no name"
            assert metric.unit, f"{metric.name} has no unit"
            assert metric.direction in get_args(Direction), f"{metric.name} does not say what is better"
            assert math.isfinite(metric.value), f"{metric.name} is {metric.value}"
            most = len(report.records) if own else len(data)
            assert 0 < metric.n <= most, f"{metric.name} counts {metric.n} of {most} examples"
            assert metric.stderr is None or metric.stderr >= 0
            bounds = [bound for bound in (metric.low, metric.value, metric.high) if bound is not None]
            assert bounds == sorted(bounds), f"{metric.name} is outside its bounds"

    def test_every_metric_stays_within_its_range(self, report: Report, poor: Report) -> None:
        for metric in (*report.metrics, *poor.metrics):
            known = (metric.value, metric.low, metric.high)
            for value in (one for one in known if one is not None):
                assert metric.least is None or value >= metric.least - ROUNDING, f"{metric.name} is {value}"
                assert metric.most is None or value <= metric.most + ROUNDING, f"{metric.name} is {value}"

    def test_the_best_and_the_worst_target_score_at_the_ends(
        self, report: Report, poor: Report, unordered: frozenset[str], between: frozenset[str] | None
    ) -> None:
        if between is None:
            pytest.skip("its best and its worst targets are known to tests of its own")
        worst = {metric.name: metric for metric in poor.metrics}
        assert worst.keys() == {metric.name for metric in report.metrics}, "another target has other metrics"
        apart = unordered | between
        for metric in (one for one in report.metrics if one.name not in apart and one.direction != "neither"):
            ends = (metric.most, metric.least) if metric.direction == "higher" else (metric.least, metric.most)
            for which, told, end in zip(("best", "worst"), (metric, worst[metric.name]), ends, strict=True):
                assert end is None or math.isclose(told.value, end, abs_tol=ENDED), (
                    f"{metric.name} of the {which} target is {told.value:g}, the end is {end:g}"
                )

    def test_the_best_target_is_better_and_the_worst_is_nowhere_better(
        self, report: Report, poor: Report, unordered: frozenset[str]
    ) -> None:
        worst = {metric.name: metric for metric in poor.metrics}
        assert worst.keys() == {metric.name for metric in report.metrics}, "another target has other metrics"
        ordered = [one for one in report.metrics if one.name not in unordered and one.direction != "neither"]
        assert ordered, "no figure says which target is better"
        gains = {metric.name: _gain(metric, worst[metric.name]) for metric in ordered}
        assert min(gains.values()) >= -ROUNDING, f"the worst target is better in {min(gains, key=lambda n: gains[n])}"
        assert max(gains.values()) > 0, "best and worst score alike"

    def test_the_same_answers_give_the_same_figures(
        self, report: Report, measured: Callable[[Target], Report], best: Target, unordered: frozenset[str]
    ) -> None:
        again = measured(best)
        assert _compared(again, unordered) == _compared(report, unordered)
        assert (again.records, again.notes) == (report.records, report.notes) or unordered

    def test_every_example_that_was_measured_has_a_record(
        self, report: Report, data: Sequence[Example], own: bool
    ) -> None:
        most, places = max(metric.n for metric in report.metrics), [record.get("where") for record in report.records]
        assert most <= len(places), f"{len(places)} records of {most} measured examples"
        assert own or len(places) <= len(data), f"{len(places)} records of {len(data)} examples"
        assert None not in places, "a record does not say where its example stands"
        assert len(set(places)) == len(places), "two records have one place"

    @capability(OWN_CASES)
    def test_it_needs_no_examples(
        self,
        found: Offer,
        values: dict[str, Any],
        best: Target,
        report: Report,
        unordered: frozenset[str],
        tmp_path: Path,
    ) -> None:
        alone: Report = make(found, values).evaluate(best, [], recording(tmp_path / "alone"))
        assert _compared(alone, unordered) == _compared(report, unordered), "its figures depend on the test split"

    def test_who_does_not_answer_is_counted(
        self, report: Report, measured: Callable[[Target], Report], best: Target, conditional: frozenset[str]
    ) -> None:
        halved = measured(_Half(best))
        counted, before = (
            {metric.name: metric.n for metric in told.metrics if metric.name not in conditional}
            for told in (halved, report)
        )
        assert counted == before, "who does not answer is left out"
        assert len(halved.records) == len(report.records)

    def test_a_missing_answer_is_told_and_is_no_zero(
        self, report: Report, measured: Callable[[Target], Report], best: Target
    ) -> None:
        lossy = _Lossy(best)
        told = measured(lossy)
        if not lossy.lost:
            pytest.skip("it asks nothing")
        errors = [record for record in told.records if record.get("error")]
        assert errors, "an answer did not come, and no record says so"
        after = {metric.name: metric.value for metric in told.metrics}
        unsound = [name for name, value in after.items() if not math.isfinite(value)]
        assert not unsound, f"{unsound} are made of scores that did not come"
        for metric in report.metrics:
            if metric.unit == "share" and metric.value in (0.0, 1.0):
                assert after[metric.name] == metric.value, f"{metric.name} takes a missing answer for a wrong one"

    def test_it_asks_no_more_than_it_says(
        self, found: Offer, values: dict[str, Any], through: "_Through", data: Sequence[Example]
    ) -> None:
        told = make(found, values).asks(len(data))
        if told is None:
            pytest.skip("it does not say what it asks")
        assert through.asked <= told.answers + told.split, f"it asks {through.asked} questions"
        assert through.scored <= told.scores, f"it asks for {through.scored} scores"
        assert through.longest <= told.longest, f"it asks for answers of {through.longest} tokens"

    def test_who_asks_for_probabilities_says_so(self, found: Offer, through: "_Through") -> None:
        assert bool(through.scored) == (SCORES in found.capabilities), "not every server tells them"

    def test_who_begins_answers_says_that_it_asks_for_probabilities(self, found: Offer, through: "_Through") -> None:
        assert not through.begun or SCORES in found.capabilities, "a server is asked for both in token ids"

    def test_who_looks_into_the_model_says_so(self, found: Offer, through: "_Through") -> None:
        assert bool(through.looked) == (INSIDE in found.capabilities), "no server shows it"

    def test_who_measures_the_server_says_so(self, found: Offer, through: "_Through") -> None:
        assert bool(through.measured) == (SERVER in found.capabilities), "a model in this process has none"

    def test_a_metric_is_the_mean_of_what_its_records_say(self, report: Report, poor: Report) -> None:
        for told in (report, poor):
            for metric in told.metrics:
                values = [record[metric.name] for record in told.records if metric.name in record]
                if values and metric.unit == "share" and all(isinstance(value, int | float) for value in values):
                    mean = sum(map(float, values)) / len(values)
                    assert math.isclose(mean, metric.value, abs_tol=1e-6), f"{metric.name}: {metric.value}, not {mean}"

    def test_the_report_survives_json(self, report: Report) -> None:
        assert from_plain(json.loads(json.dumps(to_plain(report))), Report) == report


def _once(kept: dict[str, Any], name: str, make: Callable[[], T]) -> T:
    if name not in kept:
        kept[name] = make()
    found: T = kept[name]
    return found


class _Through(Target):
    """Target that records what another one is asked."""

    def __init__(self, inner: Target) -> None:
        self._inner = inner
        self.lost, self.scored, self.looked, self.measured = 0, 0, 0, 0
        self.asked, self.longest, self.begun = 0, 0, 0

    @property
    def max_model_len(self) -> int | None:
        return self._inner.max_model_len

    def generate(self, prompts: Sequence[Prompt], max_new_tokens: int) -> list[Answer]:
        return self.told(self._inner.generate(self.counted(prompts, max_new_tokens), max_new_tokens))

    def sample(self, prompts: Sequence[Prompt], max_new_tokens: int, temperature: float, seed: int) -> list[Answer]:
        asked = self.counted(prompts, max_new_tokens)
        return self.told(self._inner.sample(asked, max_new_tokens, temperature, seed))

    def counted(self, prompts: Sequence[Prompt], max_new_tokens: int) -> Sequence[Prompt]:
        self.asked += len(prompts)
        self.begun += sum(bool(prompt.begun) for prompt in prompts)
        self.longest = max(self.longest, max_new_tokens)
        return prompts

    def told(self, answers: list[Answer]) -> list[Answer]:
        return answers

    def score(self, examples: Sequence[Example]) -> list[Score]:
        self.scored += len(examples)
        return self._inner.score(examples)

    def reached(self) -> EndpointAccess:
        self.measured += 1
        return self._inner.reached()

    def inside(self) -> LoadedModel:
        self.looked += 1
        return self._inner.inside()


class _Half(_Through):
    """Target that answers every second prompt with an empty text."""

    def told(self, answers: list[Answer]) -> list[Answer]:
        return [answer if place % 2 else Answer("", (), "stop") for place, answer in enumerate(answers)]


class _Lossy(_Through):
    """Target that loses one in thirteen answers and scores."""

    def told(self, answers: list[Answer]) -> list[Answer]:
        self.lost += len(answers[1::13])
        gone = Answer("", (), "", "the server did not answer")
        return [gone if place % 13 == 1 else answer for place, answer in enumerate(answers)]

    def score(self, examples: Sequence[Example]) -> list[Score]:
        scores = super().score(examples)
        self.lost += len(scores[1::13])
        gone = Score.missing("the server did not score")
        return [gone if place % 13 == 1 else score for place, score in enumerate(scores)]


def _compared(report: Report, unordered: frozenset[str]) -> list[Metric]:
    return [metric for metric in report.metrics if metric.name not in unordered]


def _gain(one: Metric, other: Metric) -> float:
    return (one.value - other.value) * (1 if one.direction == "higher" else -1)
