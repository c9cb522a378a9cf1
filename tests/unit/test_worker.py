"""What a worker makes of errors, and which leftovers of an earlier try it trusts."""

import errno
from collections.abc import Sequence
from pathlib import Path

import pytest
from attrs import evolve

from ftctl.domain.artifact import Artifact
from ftctl.domain.example import Example, Message, Prompt
from ftctl.domain.job import Job
from ftctl.domain.launch import Endpoint
from ftctl.errors import BackendFailed, DiskFull, FtctlError, NoUsableRows, ResourceExhausted, Unanswered
from ftctl.ports.context import StageContext
from ftctl.ports.target import Answer, Score
from ftctl.testing.fakes import FakeTarget
from ftctl.worker.answer_store import AnswerStore
from ftctl.worker.cached_target import CachedTarget
from ftctl.worker.error_mapping import as_ftctl_error
from ftctl.worker.evaluation import _untold
from ftctl.worker.job_folder import JobFolder
from tests.unit.test_metrics import DATA

JOB = Job("a" * 64, "tune", "tune", ())


class OutOfMemoryError(RuntimeError):
    """Named as torch names its own."""


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.ENOSPC, "full"), DiskFull),
        (RuntimeError("I/O error: No space left on device (os error 28)"), DiskFull),
        (RuntimeError("File too large (os error 27)"), DiskFull),
        (OSError(errno.EMFILE, "too many"), ResourceExhausted),
        (MemoryError(), ResourceExhausted),
        (OutOfMemoryError("CUDA out of memory"), ResourceExhausted),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), ResourceExhausted),
        (KeyError("x"), BackendFailed),
        (NoUsableRows("x"), NoUsableRows),
    ],
)
def test_foreign_errors_become_ours(error: Exception, kind: type[FtctlError]) -> None:
    assert type(as_ftctl_error(error, JOB)) is kind


@pytest.mark.parametrize("left", [None, "{", '{"key": "other"}', "[]"])
def test_work_of_another_or_an_unknown_job_is_not_trusted(tmp_path: Path, left: str | None) -> None:
    place = JobFolder(tmp_path / "job")
    place.prepare(JOB)
    (place.path / "work" / "answers.ndjson").write_text("old")
    if left is None:
        (place.path / "job.json").unlink()
    else:
        (place.path / "job.json").write_text(left)
    place.prepare(JOB)
    assert not (place.path / "work" / "answers.ndjson").exists()


def test_work_of_the_same_job_is_kept_and_its_output_is_not(tmp_path: Path) -> None:
    place = JobFolder(tmp_path / "job")
    place.prepare(JOB)
    for name in ("work/kept", "out/gone", "result.json"):
        (place.path / name).write_text("x")
    place.prepare(JOB)
    assert (place.path / "work" / "kept").exists()
    assert not (place.path / "out" / "gone").exists()
    assert place.outcome() is None


def test_a_job_survives_its_file(tmp_path: Path) -> None:
    base = Artifact("model", "hf", "b" * 64, "/b")
    inputs = {"model": Artifact("adapter", "peft-adapter", "c" * 64, "/c", {"base": "b" * 64}, base)}
    job = Job("a" * 64, "verify", "verify", (), inputs, endpoint=Endpoint("http://127.0.0.1:1/v1", "m"))
    place = JobFolder(tmp_path / "job")
    place.prepare(job)
    assert place.job() == job


def test_answers_outlive_a_kill_and_are_asked_for_once(context: StageContext) -> None:
    first = FakeTarget()
    prompts = [example.prompt for example in DATA]
    answers = CachedTarget(first, AnswerStore(context.work, "answers"), context).generate(prompts[:30], 16)
    with (context.work / "answers.ndjson").open("ab") as stream:
        stream.write(b'["torn", "answ')
    second = FakeTarget()
    remembered = CachedTarget(second, AnswerStore(context.work, "answers"), context)
    assert remembered.generate(prompts, 16)[:30] == answers
    assert (first.asked, second.asked) == (30, 10)
    remembered.generate(prompts, 16)
    assert second.asked == 10
    remembered.generate(prompts[:1], 17)
    assert second.asked == 11


class Flaky(FakeTarget):
    """Does not answer the questions of these numbers."""

    def __init__(self, lost: set[str], max_error_rate: float) -> None:
        super().__init__()
        self.lost, self.max_error_rate = lost, max_error_rate

    def generate(self, prompts: Sequence[Prompt], max_new_tokens: int) -> list[Answer]:
        answers = super().generate(prompts, max_new_tokens)
        gone = Answer("", (), "", "status 500")
        return [gone if p.question.split()[-1] in self.lost else a for p, a in zip(prompts, answers, strict=True)]


def test_what_was_not_answered_is_told_and_asked_again(context: StageContext) -> None:
    prompts = [example.prompt for example in DATA]
    replies = AnswerStore(context.work, "answers")
    told = CachedTarget(Flaky({"3", "5"}, 0.05), replies, context).generate(prompts, 16)
    assert [answer.error for answer in told if answer.error] == ["status 500"] * 2
    later = FakeTarget()
    again = CachedTarget(later, AnswerStore(context.work, "answers"), context).generate(prompts, 16)
    assert later.asked == 2
    assert not any(answer.error for answer in again)


def test_more_missing_answers_than_are_allowed_end_the_measurement(context: StageContext) -> None:
    target = CachedTarget(Flaky({"3", "5", "7"}, 0.05), AnswerStore(context.work, "answers"), context)
    with pytest.raises(Unanswered, match=r"3 of 40 questions were not answered \(status 500\).*0\.05"):
        target.generate([example.prompt for example in DATA], 16)


class Unsure(FakeTarget):
    """Does not score the answers of these numbers."""

    def __init__(self, lost: set[str], max_error_rate: float) -> None:
        super().__init__()
        self.lost, self.max_error_rate = lost, max_error_rate

    def score(self, examples: Sequence[Example]) -> list[Score]:
        gone = Score.missing("status 500")
        told = zip(examples, super().score(examples), strict=True)
        return [gone if example.prompt.question.split()[-1] in self.lost else score for example, score in told]


def test_what_was_not_scored_is_told_and_asked_again(context: StageContext) -> None:
    told = CachedTarget(Unsure({"3", "5"}, 0.05), AnswerStore(context.work, "one"), context).score(DATA)
    assert [score.error for score in told if score.error] == ["status 500"] * 2
    again = CachedTarget(FakeTarget(log_probability=-3.0), AnswerStore(context.work, "two"), context).score(DATA)
    assert sorted({score.log_probability for score in again}) == [-3.0, -0.5]
    assert sum(score.log_probability == -3.0 for score in again) == 2


def test_more_missing_scores_than_are_allowed_end_the_measurement(context: StageContext) -> None:
    target = CachedTarget(Unsure({"3", "5", "7"}, 0.05), AnswerStore(context.work, "answers"), context)
    with pytest.raises(Unanswered, match=r"3 of 40 questions were not scored \(status 500\).*0\.05"):
        target.score(DATA)


def test_scores_are_remembered_as_answers_are(context: StageContext) -> None:
    first = CachedTarget(FakeTarget(log_probability=-2.0), AnswerStore(context.work, "one"), context)
    scores = first.score(DATA)
    second = CachedTarget(FakeTarget(log_probability=-3.0), AnswerStore(context.work, "two"), context)
    assert second.score(DATA) == scores
    for turn in (Message("assistant", "another"), evolve(DATA[0].messages[-1], weight=0)):
        other = evolve(DATA[0], messages=(*DATA[0].messages[:-1], turn))
        assert second.score([other])[0].log_probability == -3.0


def test_a_record_that_nobody_may_read_still_says_that_an_answer_did_not_come() -> None:
    assert _untold({"where": "a:1", "error": "status 400"}) == {"where": "a:1", "error": "not answered"}
    assert _untold({"where": "a:1", "answer": "secret", "f1": 0.5}) == {"where": "a:1", "f1": 0.5}
    one, same, other = (_untold({"where": "a:1", "cluster": name})["cluster"] for name in ("Erika", "Erika", "Hans"))
    assert one == same != other
    assert "Erika" not in one
