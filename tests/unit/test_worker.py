"""What a worker makes of errors, and which leftovers of an earlier try it trusts."""

import errno
from pathlib import Path

import pytest

from ftctl.domain.artifact import Artifact
from ftctl.domain.job import Job
from ftctl.domain.launch import Endpoint
from ftctl.errors import BackendFailed, DiskFull, FtctlError, NoUsableRows, ResourceExhausted
from ftctl.ports.context import StageContext
from ftctl.testing.fakes import FakeTarget
from ftctl.worker.failure import as_ftctl_error
from ftctl.worker.job_folder import JobFolder
from ftctl.worker.remembered_target import RememberedTarget
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
    answers = RememberedTarget(first, context).generate(prompts[:30], 16)
    with (context.work / "answers.ndjson").open("ab") as stream:
        stream.write(b'["torn", "answ')
    second = FakeTarget()
    remembered = RememberedTarget(second, context)
    assert remembered.generate(prompts, 16)[:30] == answers
    assert (first.asked, second.asked) == (30, 10)
    remembered.generate(prompts, 16)
    assert second.asked == 10
    remembered.generate(prompts[:1], 17)
    assert second.asked == 11
