"""What measuring would ask of a model, and how long that takes, said before it is done."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from ftctl.application.app import App
from ftctl.application.plan import make_plan
from ftctl.application.resolve import resolve
from ftctl.application.throughput_history import record_throughput, recorded_throughput
from ftctl.domain.evaluation_cost import EvaluationCost, RequestTotals, Throughput, total_requests
from ftctl.domain.example import Message, Prompt
from ftctl.domain.statistics.power import smallest_shown
from ftctl.ports.target import Answer
from ftctl.testing.contracts.stage import recording
from ftctl.testing.fakes import FakeEvaluator, FakeTarget
from ftctl.worker.answer_store import AnswerStore
from ftctl.worker.cached_target import CachedTarget
from ftctl_adapters.cli.tables import print_plan
from tests.unit.test_resolve import FAKE
from tests.unit.test_run import go


def test_what_evaluators_share_is_asked_once() -> None:
    found = {
        "exact": EvaluationCost(split=100, longest=128),
        "private": EvaluationCost(split=40, longest=128, scores=7),
        "short": EvaluationCost(split=10, longest=16),
        "attacks": EvaluationCost(answers=434, longest=64),
        "strange": None,
    }
    assert total_requests(found.items()) == RequestTotals(
        100 + 10 + 434, 100 * 128 + 10 * 16 + 434 * 64, 7, ("strange",)
    )


def test_how_long_that_takes_is_known_where_all_of_it_was_measured() -> None:
    asked = RequestTotals(10, 1000, 50)
    assert Throughput(100.0, 25.0).seconds(asked) == 12.0
    assert Throughput(100.0).seconds(asked) is None
    assert Throughput(100.0).seconds(RequestTotals(10, 1000, 0)) == 10.0
    assert Throughput(100.0, 25.0).seconds(RequestTotals(10, 1000, 50, ("silent",))) is None
    assert Throughput(100.0, 25.0).seconds(RequestTotals(0, 0, 0)) is None


def test_a_pace_is_kept_by_model_and_what_was_not_measured_stays(tmp_path: Path) -> None:
    record_throughput(tmp_path / "replies", "a", Throughput(100.0, 25.0))
    record_throughput(tmp_path / "replies", "a", Throughput(tokens_per_second=80.0))
    assert recorded_throughput(tmp_path / "replies", "a") == Throughput(80.0, 25.0)
    assert recorded_throughput(tmp_path / "replies", "b") == Throughput()
    next((tmp_path / "replies").iterdir()).write_text('{"tokens_per_sec')
    assert recorded_throughput(tmp_path / "replies", "a") == Throughput()


class Slow(FakeTarget):
    """Each call takes a second of a clock that nobody waits for."""

    def __init__(self, clock: list[float]) -> None:
        super().__init__()
        self.clock = clock

    def generate(self, prompts: Sequence[Prompt], max_new_tokens: int) -> list[Answer]:
        self.clock[0] += 1
        return [Answer("yes", (1,) * 5, "stop") for _ in prompts]


def test_the_pace_is_that_of_what_had_to_be_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [0.0]
    monkeypatch.setattr("ftctl.worker.cached_target.time.perf_counter", lambda: clock[0])
    target = CachedTarget(Slow(clock), AnswerStore(tmp_path, "a"), recording(tmp_path))
    prompts = [Prompt((Message("user", str(number)),)) for number in range(20)]
    assert target.pace() == Throughput()
    target.generate(prompts, 8)
    target.generate(prompts, 8)
    assert target.pace() == Throughput(tokens_per_second=100.0)


def test_the_plan_says_what_is_asked_once_the_data_is_known(fake_app: App) -> None:
    def planned() -> dict[str, object] | None:
        spec = resolve({**FAKE, "evaluators": ["fake"]}, fake_app.registry, fake_app.environments)
        return make_plan(fake_app, spec).evaluation()

    assert planned() is None
    go(fake_app, {**FAKE, "evaluators": ["fake"]})
    told = planned()
    assert told is not None
    examples = told["examples"]
    assert isinstance(examples, int)
    assert told["asks"] == {"answers": examples, "tokens": 16 * examples, "scores": 0, "silent": []}
    assert told["seconds"] is None, "so few tokens tell no pace"
    assert told["fewer"] == []


def test_the_plan_says_what_fewer_examples_than_there_are_would_show(
    fake_app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    go(fake_app, {**FAKE, "evaluators": ["fake"]})
    monkeypatch.setattr(FakeEvaluator, "asks", lambda self, examples: EvaluationCost(split=examples - 1))
    spec = resolve({**FAKE, "evaluators": ["fake"]}, fake_app.registry, fake_app.environments)
    told = make_plan(fake_app, spec).evaluation()
    assert told is not None
    (fewer,) = told["fewer"]
    assert (fewer["evaluator"], fewer["examples"]) == ("fake", told["examples"] - 1)
    assert fewer["smallest_shown"] == smallest_shown(fewer["examples"])


def test_the_plan_prints_what_an_evaluator_with_a_limit_would_show(
    fake_app: App, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    go(fake_app, {**FAKE, "evaluators": ["fake"]})
    spec = resolve({**FAKE, "evaluators": ["fake"]}, fake_app.registry, fake_app.environments)
    monkeypatch.setattr(FakeEvaluator, "asks", lambda self, examples: EvaluationCost(split=2))
    document = make_plan(fake_app, spec).document()
    few = document["evaluation"]["fewer"][0]
    document["evaluation"]["fewer"].append(few | {"evaluator": "drift", "examples": 50, "smallest_shown": 0.177})
    print_plan(document)
    lines = capsys.readouterr().out.splitlines()
    assert "  fake asks 2 of them, too few to show a difference" in lines
    assert "  drift asks 50 of them: a difference of 0.18" in lines


def test_a_run_keeps_its_pace_for_the_next_plan(fake_app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ftctl.worker.cached_target.ENOUGH_TOKENS", 1)
    go(fake_app, {**FAKE, "evaluators": ["fake"]})
    spec = resolve({**FAKE, "evaluators": ["fake-reads"], "seed": 5}, fake_app.registry, fake_app.environments)
    told = make_plan(fake_app, spec).evaluation()
    assert told is not None
    assert told["seconds"] > 0


@pytest.mark.parametrize("told", [RuntimeError("broken"), {"answers": 3}])
def test_an_estimate_that_cannot_be_had_ends_no_run(
    fake_app: App, monkeypatch: pytest.MonkeyPatch, told: object
) -> None:
    def asks(self: FakeEvaluator, examples: int) -> object:
        if isinstance(told, Exception):
            raise told
        return told

    monkeypatch.setattr(FakeEvaluator, "asks", asks)
    go(fake_app, {**FAKE, "evaluators": ["fake"]})
    spec = resolve({**FAKE, "evaluators": ["fake"]}, fake_app.registry, fake_app.environments)
    found = make_plan(fake_app, spec).evaluation()
    assert found is not None
    assert found["asks"]["silent"] == ["fake"]
