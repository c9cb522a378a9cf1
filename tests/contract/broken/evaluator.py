"""Evaluators."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import pytest
from attrs import evolve

from ftctl.domain.evaluation_cost import EvaluationCost
from ftctl.domain.example import Example, Prompt
from ftctl.domain.metric import mean_metric
from ftctl.domain.report import Report
from ftctl.errors import BackendFailed
from ftctl.plugin import OWN_CASES, SCORES
from ftctl.ports.context import StageContext
from ftctl.ports.target import Answer, Score, Target
from ftctl.testing.contracts import (
    EvaluatorContract,
)
from ftctl.testing.fakes import FakeEvaluator, FakeTarget
from tests.contract.broken.base import Broken


class Measure(Broken, EvaluatorContract):
    @pytest.fixture
    def worst(self) -> Target:
        return FakeTarget(right=False)


class Changed(FakeEvaluator):
    """The fake, its report changed."""

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        return self.changed(super().evaluate(target, data, context))

    def changed(self, report: Report) -> Report:
        return report


def with_values(report: Report, value: Callable[[float], float], **more: Any) -> Report:
    """The report with other figures, which nothing beside them contradicts."""
    metrics = tuple(evolve(one, value=value(one.value), low=None, high=None, **more) for one in report.metrics)
    records = tuple({key: told for key, told in record.items() if key != "right"} for record in report.records)
    return evolve(report, metrics=metrics, records=records)


class Unitless(Changed):
    def changed(self, report: Report) -> Report:
        return evolve(report, metrics=tuple(evolve(one, unit="") for one in report.metrics))


class Wide(Changed):
    """Its bounds are those of a normal distribution."""

    def changed(self, report: Report) -> Report:
        return evolve(report, metrics=tuple(evolve(one, high=one.value + 0.1) for one in report.metrics))


class Flat(Changed):
    def changed(self, report: Report) -> Report:
        return with_values(report, lambda value: 0.5, least=None, most=None)


class Lukewarm(Changed):
    """Nobody is quite right, and nobody quite wrong."""

    def changed(self, report: Report) -> Report:
        return with_values(report, lambda value: 0.25 + value / 2)


class Moody(Changed):
    turn = 0

    def changed(self, report: Report) -> Report:
        Moody.turn += 1
        return evolve(report, notes={"turn": str(Moody.turn)})


class Forgetful(Changed):
    def changed(self, report: Report) -> Report:
        return evolve(report, records=report.records[1:])


class Tupled(Changed):
    def changed(self, report: Report) -> Report:
        return evolve(report, records=tuple({**record, "pair": (1, 2)} for record in report.records))


class Test_every_metric_says_what_it_is(Measure):
    kind = "Unitless"


class Test_every_metric_stays_within_its_range(Measure):
    kind = "Wide"


class Test_the_best_and_the_worst_target_score_at_the_ends(Measure):
    kind = "Lukewarm"


class Test_the_best_target_is_better_and_the_worst_is_nowhere_better(Measure):
    kind = "Flat"


class Test_the_same_answers_give_the_same_figures(Measure):
    kind = "Moody"


class Test_every_example_that_was_measured_has_a_record(Measure):
    kind = "Forgetful"


class Test_the_report_survives_json(Measure):
    kind = "Tupled"


class Choosy(FakeEvaluator):
    """Measures those who answer."""

    def asks(self, examples: int) -> EvaluationCost | None:
        return EvaluationCost(answers=examples, split=examples, longest=16)

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        answers = target.generate([example.prompt for example in data], 16)
        return super().evaluate(target, [e for e, a in zip(data, answers, strict=True) if a.text], context)


class Merciless(FakeEvaluator):
    """An answer that did not come is a wrong one."""

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        return super().evaluate(_Mute(target), data, context)


class _Mute(Target):
    """Another target, whose errors nobody hears of."""

    def __init__(self, inner: Target) -> None:
        self._inner = inner

    def generate(self, prompts: Sequence[Prompt], max_new_tokens: int) -> list[Answer]:
        return [evolve(answer, error="") for answer in self._inner.generate(prompts, max_new_tokens)]

    def score(self, examples: Sequence[Example]) -> list[Score]:
        return self._inner.score(examples)


class Test_a_missing_answer_is_told_and_is_no_zero(Measure):
    kind = "Merciless"


class Deaf(FakeEvaluator):
    """A score that did not come is one as any other."""

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        told = super().evaluate(target, data, context)
        nats = [-score.log_probability for score in target.score(data)]
        return evolve(told, metrics=(*told.metrics, mean_metric("nats", nats, unit="nat", direction="lower")))

    def asks(self, examples: int) -> EvaluationCost | None:
        return EvaluationCost(split=examples, longest=16, scores=examples)


class Test_a_missing_answer_is_told_and_is_no_zero__nor_is_a_score(Measure):
    kind = "Deaf"
    change: ClassVar[dict[str, Any]] = {"capabilities": (SCORES,)}


class Nosy(FakeEvaluator):
    """Scores, and has not said so."""

    def asks(self, examples: int) -> EvaluationCost | None:
        return EvaluationCost(split=examples, longest=16, scores=examples)

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        target.score(data)
        return super().evaluate(target, data, context)


class Curious(FakeEvaluator):
    """Looks into the model where it can, and has not said so."""

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        with contextlib.suppress(BackendFailed):
            target.inside()
        return super().evaluate(target, data, context)


class Test_who_looks_into_the_model_says_so(Measure):
    kind = "Curious"


class Dialling(FakeEvaluator):
    """Asks where the server is, and has not said so."""

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        with contextlib.suppress(BackendFailed):
            target.reached()
        return super().evaluate(target, data, context)


class Test_who_measures_the_server_says_so(Measure):
    kind = "Dialling"


class Test_who_asks_for_probabilities_says_so(Measure):
    kind = "Nosy"


class Hasty(FakeEvaluator):
    """Begins answers, and has not said that it needs what a server that scores has."""

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        target.generate([evolve(example.prompt, begun="It is") for example in data], 16)
        return super().evaluate(target, data, context)

    def asks(self, examples: int) -> EvaluationCost | None:
        return EvaluationCost(answers=examples, split=examples, longest=16)


class Test_who_begins_answers_says_that_it_asks_for_probabilities(Measure):
    kind = "Hasty"


class Understating(FakeEvaluator):
    """Asks twice what it says."""

    def asks(self, examples: int) -> EvaluationCost | None:
        return EvaluationCost(split=examples // 2, longest=16)


class Test_it_asks_no_more_than_it_says(Measure):
    kind = "Understating"


class Generous(Changed):
    """Records other values than it counts."""

    def changed(self, report: Report) -> Report:
        return evolve(report, records=tuple({**record, "right": 0.5} for record in report.records))


class Test_who_does_not_answer_is_counted(Measure):
    kind = "Choosy"


class Scribbling(FakeEvaluator):
    """Notes in the examples what it has seen."""

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        for example in data:
            example.metadata["seen"] = True
        return super().evaluate(target, data, context)


class Test_examples_are_only_read(Measure):
    kind = "Scribbling"


class Test_a_metric_is_the_mean_of_what_its_records_say(Measure):
    kind = "Generous"


class Test_it_needs_no_examples(Measure):
    kind = "FakeEvaluator"
    change: ClassVar[dict[str, Any]] = {"capabilities": (OWN_CASES,)}
