"""Grades of a language model, and graders that are not worth it."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ftctl.domain.example import Example, Message
from ftctl.domain.report import Report
from ftctl.errors import NoUsableRows, Unanswered
from ftctl.testing.contracts.stage import recording
from ftctl_plugins.evaluators.quality.rubric import GRADE, Rubric, RubricOptions
from tests.answering import Ruled
from tests.openai_server import FakeService, serving

Grading = Callable[..., Report]
DATA = [Example(f"r:{n}", (Message("user", f"say {n}"), Message("assistant", f"it is {n} and no other")), tools=({},))
        for n in range(30)]  # fmt: skip


@pytest.fixture
def service() -> Iterator[FakeService]:
    with serving(FakeService(lambda body: "3")) as running:
        yield running


@pytest.fixture
def graded(service: FakeService, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Grading:
    """The report of a grader that says what ``rule`` makes of criterion, answer and reference."""
    monkeypatch.setenv("GRADER_URL", service.url)

    def grade(rule: Callable[[str, str, str], str], answer: str | None = None, **more: Any) -> Report:
        def says(body: dict[str, Any]) -> str:
            text = body["messages"][-1]["content"]
            parts = [
                text.partition(f"[{part}]\n")[2].partition("\n\n[")[0] for part in ("Criterion", "Answer", "Reference")
            ]
            return rule(*parts)

        service.answer = says
        said = {one.prompt.question: one.answer for one in DATA}
        target = Ruled(lambda prompt: answer or said[prompt.question])
        given = RubricOptions(url_env="GRADER_URL", model="grader", **more)
        return Rubric(given).evaluate(target, DATA, recording(tmp_path))

    return grade


def figures(report: Report) -> dict[str, float]:
    return {metric.name: metric.value for metric in report.metrics}


def like(criterion: str, answer: str, reference: str) -> str:
    """Five for the reference, four for what is short, one for the rest; whatever is asked about."""
    return "5" if answer == reference else "Grade: 4/5" if answer == "short" else "1"


def test_answers_have_a_grade_for_each_criterion(graded: Grading, service: FakeService) -> None:
    assert figures(graded(like)) == {
        "rubric_right": 5.0, "rubric_clear": 5.0, "rubric_separates": 1.0, "rubric_failed": 0.0
    }  # fmt: skip
    short = graded(like, "short", criteria={"kind": "It is kind."}, limit=10)
    assert figures(short) == {"rubric_kind": 4.0, "rubric_separates": 1.0, "rubric_failed": 0.0}
    assert [metric.n for metric in short.metrics] == [10, 10, 10]
    assert {metric.unit for metric in short.metrics} == {"grade", "share"}
    count = len(service.bodies)
    graded(like, "short", criteria={"kind": "It is kind."}, limit=10)
    assert len(service.bodies) == count, "nothing is asked twice"


def test_votes_tell_whether_a_grader_agrees_with_itself_and_the_median_counts(
    graded: Grading, service: FakeService, tmp_path: Path
) -> None:
    def moody(body: dict[str, Any]) -> str:
        text = body["messages"][-1]["content"]
        reference = text.partition("[Reference]\n")[2].partition("\n\n[Criterion]")[0]
        right = text.partition("[Answer]\n")[2].partition("\n\n[Grade]")[0] == reference
        return ("5" if body["seed"] else "4") if right else "1"

    graded(like, limit=10)
    asked = len(service.bodies)
    service.answer = moody
    target = Ruled(lambda prompt: f"it is {prompt.question.split()[-1]} and no other")
    given = RubricOptions(url_env="GRADER_URL", model="moody", votes=3, temperature=0.7, limit=10)
    told = figures(Rubric(given).evaluate(target, DATA, recording(tmp_path / "votes")))
    assert (told["rubric_right"], told["rubric_separates"]) == (5.0, 1.0)
    assert told["rubric_self_agreement"] == pytest.approx(1 / 3), "of answers, references and nonsense the last alone"
    assert len(service.bodies) - asked == 3 * asked


def test_a_grader_without_a_digit_for_nonsense_is_told_and_no_crash(graded: Grading, service: FakeService) -> None:
    def speechless(criterion: str, answer: str, reference: str) -> str:
        return "5" if answer == reference else "That is nonsense."

    with pytest.raises(Unanswered, match="no digit to any expected answer and its nonsense"):
        graded(speechless, max_failure_rate=0.45)


@pytest.mark.parametrize("rule", [lambda *_: "3", lambda criterion, answer, reference: str(1 + len(answer) % 2)])
def test_who_does_not_see_nonsense_is_unusable(graded: Grading, rule: Any) -> None:
    report = graded(rule)
    assert "rubric_right" not in figures(report)
    assert "unusable" in report.notes["rubric"]


def test_a_grader_that_is_not_understood_gives_no_figure(graded: Grading) -> None:
    with pytest.raises(Unanswered, match=r"20 of 70 grades of grader did not come"):
        graded(lambda c, a, r: "fine" if a == r else "1", "no", criteria={"x": "x"})
    some = graded(lambda c, a, r: "well" if a == r == DATA[29].answer else like(c, a, r), criteria={"x": "y"})
    assert figures(some)["rubric_failed"] == pytest.approx(1 / 30)
    assert next(metric.n for metric in some.metrics if metric.name == "rubric_x") == 29


def test_it_can_be_asked_in_chinese(graded: Grading, service: FakeService) -> None:
    graded(like, language="zh")
    told = service.bodies[-1]["messages"]
    assert "打分" in told[0]["content"]
    assert "[Criterion]\n内容正确" in told[1]["content"] or "[Criterion]\n表达清楚" in told[1]["content"]


@pytest.mark.parametrize(
    ("said", "grade"),
    [
        ("4", "4"),
        ("Grade: 5.", "5"),
        ("4/5", "4"),
        ("打3分", "3"),
        ("10", None),
        ("4.5", None),
        ("0", None),
        ("good", None),
    ],
)
def test_a_grade_is_one_digit(said: str, grade: str | None) -> None:
    found = GRADE.search(said)
    assert (found[1] if found else None) == grade


def test_one_example_alone_has_no_other_to_be_held_against(service: FakeService, tmp_path: Path) -> None:
    asked = Rubric(RubricOptions(url_env="GRADER_URL", model="grader"))
    with pytest.raises(NoUsableRows, match="needs 2 conversations"):
        asked.evaluate(Ruled(lambda prompt: "x"), DATA[:1], recording(tmp_path))
