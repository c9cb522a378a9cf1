"""A judge that is asked in both orders, and what is told of judges that are not worth it."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ftctl.domain.example import Example, Message
from ftctl.domain.report import Report
from ftctl.errors import Unanswered
from ftctl.testing.contracts.stage import recording
from ftctl_plugins.evaluators.quality.judge import Judge, JudgeOptions
from tests.answering import Ruled
from tests.openai_server import FakeService, serving

Judging = Callable[..., Report]
DATA = [Example(f"j:{n}", (Message("user", f"say {n}"), Message("assistant", f"{n} as it was expected")))
        for n in range(40)]  # fmt: skip


@pytest.fixture
def service() -> Iterator[FakeService]:
    with serving(FakeService(lambda body: "C")) as running:
        yield running


@pytest.fixture
def judged(service: FakeService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Judging:
    """The report of a judge that says what ``rule`` makes of both answers, in the order in which it reads them."""
    monkeypatch.setenv("JUDGE_URL", service.url)

    def judge(rule: Callable[[str, str, dict[str, Any]], str], answer: str = "short", **more: Any) -> Report:
        def says(body: dict[str, Any]) -> str:
            text = body["messages"][-1]["content"]
            first = text.partition("[Answer A]\n")[2].partition("\n\n[Answer B]")[0]
            second = text.partition("[Answer B]\n")[2].partition("\n\n[Verdict]")[0]
            return rule(first, second, body)

        service.answer = says
        given = JudgeOptions(url_env="JUDGE_URL", model="judge", **more)
        return Judge(given).evaluate(Ruled(lambda prompt: answer), DATA, recording(tmp_path))

    return judge


def value(report: Report, name: str) -> float:
    return next(metric.value for metric in report.metrics if metric.name == name)


def test_who_always_prefers_the_first_place_is_unusable(judged: Judging) -> None:
    report = judged(lambda first, second, body: "A")
    assert "judge_win_rate" not in {metric.name for metric in report.metrics}
    assert value(report, "judge_position_bias") == 1.0
    assert value(report, "judge_consistent") == 0.0
    assert "unusable" in report.notes["judge"]


def test_who_prefers_length_is_followed_and_told_by_both_orders(judged: Judging) -> None:
    report = judged(lambda first, second, body: "Verdict: A" if len(first) > len(second) else "B")
    assert value(report, "judge_win_rate") == 0.0
    assert (value(report, "judge_consistent"), value(report, "judge_position_bias")) == (1.0, 0.0)


def test_a_model_against_itself_wins_half_of_the_time_whatever_a_judge_likes(
    service: FakeService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Five hundred questions in both orders; each pair of answers of one model stands in two of them, once turned."""
    monkeypatch.setenv("JUDGE_URL", service.url)
    draw = random.Random(3)
    one, other = ([f"{draw.random():.6f}" for _ in range(250)] for _ in range(2))
    said, expected = one + other, other + one
    data = [Example(f"s:{n}", (Message("user", f"say {n}"), Message("assistant", text)))
            for n, text in enumerate(expected)]  # fmt: skip

    def likes(body: dict[str, Any]) -> str:
        """What is larger, and of what is nearly equal the first."""
        text = body["messages"][-1]["content"]
        first = text.partition("[Answer A]\n")[2].partition("\n\n[Answer B]")[0]
        second = text.partition("[Answer B]\n")[2].partition("\n\n[Verdict]")[0]
        return "A" if float(first) > float(second) - 0.2 else "B"

    service.answer = likes
    itself = Ruled(lambda prompt: said[int(prompt.question.removeprefix("say "))])
    told = JudgeOptions(url_env="JUDGE_URL", model="judge", limit=500, concurrency=16)
    report = Judge(told).evaluate(itself, data, recording(tmp_path))
    assert value(report, "judge_win_rate") == pytest.approx(0.5, abs=0.02)
    assert 0.2 < value(report, "judge_position_bias") < 0.5
    assert 0.5 < value(report, "judge_consistent") < 0.8


def test_a_chinese_judge_is_asked_in_chinese_unless_a_rubric_is_given(judged: Judging, service: FakeService) -> None:
    judged(lambda first, second, body: "C", language="zh")
    judged(lambda first, second, body: "C", language="zh", rubric="A, B or C?")
    told = {body["messages"][0]["content"][:4] for body in service.bodies}
    assert told == {"你比较对", "A, B"}


def test_a_judge_that_is_not_understood_gives_no_figure(judged: Judging) -> None:
    count = iter(range(1000))
    with pytest.raises(Unanswered, match=r"16 of 80 verdicts of judge did not come or said none of A, B, C"):
        judged(lambda first, second, body: "well …" if next(count) % 5 == 0 else "C", concurrency=1)


def test_some_that_fail_are_counted_and_no_verdict(judged: Judging) -> None:
    failing = judged(lambda first, second, body: "?" if "say 7\n" in body["messages"][-1]["content"] else "C")
    assert value(failing, "judge_failed") == 1 / 40
    assert next(metric.n for metric in failing.metrics if metric.name == "judge_win_rate") == 39


def test_votes_tell_whether_a_judge_agrees_with_itself_and_nothing_is_asked_twice(
    judged: Judging, service: FakeService
) -> None:
    def moody(first: str, second: str, body: dict[str, Any]) -> str:
        better = "A" if len(first) > len(second) else "B"
        return "C" if body["seed"] == 2 else better

    report = judged(moody, votes=3, temperature=0.7)
    assert value(report, "judge_self_agreement") == 0.0
    assert value(report, "judge_win_rate") == 0.0
    assert len(service.bodies) == 6 * len(DATA)
    judged(moody, votes=3, temperature=0.7)
    assert len(service.bodies) == 6 * len(DATA)


def test_votes_about_one_pair_are_one_observation(judged: Judging) -> None:
    """However often each pair is asked about, bounds of the bias are those of forty pairs."""

    def fond(first: str, second: str, body: dict[str, Any]) -> str:
        return "A" if int(body["messages"][-1]["content"].split("say ")[1].split()[0]) % 4 else "B"

    once, often = (judged(fond, votes=votes, temperature=0.7) for votes in (1, 5))
    for report in (once, often):
        bias = next(metric for metric in report.metrics if metric.name == "judge_position_bias")
        assert (bias.value, bias.n) == (0.5, 40)
        assert (bias.low or 0) < 0.25
        assert (bias.high or 0) > 0.65


def test_a_coin_is_no_judge_and_another_server_is_another_judge(
    judged: Judging, monkeypatch: pytest.MonkeyPatch, service: FakeService, tmp_path: Path
) -> None:
    draw = random.Random(8)
    report = judged(lambda first, second, body: draw.choice("AB"), concurrency=1)
    assert 0.3 < value(report, "judge_consistent") < 0.7
    assert "judge_win_rate" not in {metric.name for metric in report.metrics}
    with serving(FakeService(lambda body: "C")) as other:
        monkeypatch.setenv("JUDGE_URL", other.url)
        given = JudgeOptions(url_env="JUDGE_URL", model="judge")
        again = Judge(given).evaluate(Ruled(lambda prompt: "short"), DATA, recording(tmp_path))
        assert len(other.bodies) == 2 * len(DATA)
    assert value(again, "judge_consistent") == 1.0
