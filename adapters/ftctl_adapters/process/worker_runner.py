"""Runs jobs as ``python -m ftctl.worker`` in the interpreter of their environment."""

import contextlib
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from ftctl.domain.codec import from_plain
from ftctl.domain.event import Event
from ftctl.domain.interpreter import Interpreter
from ftctl.domain.job import Job, JobResult
from ftctl.errors import DiskFull, FtctlError, Interrupted, ResourceExhausted, WorkerDied, WorkerStalled
from ftctl.plugin import is_sealed
from ftctl.ports.job_runner import JobRunner
from ftctl.ports.launcher import Launcher
from ftctl.worker.job_folder import JobFolder
from ftctl.worker.making import make
from ftctl_adapters.process.group import ProcessGroup

POLL_SECONDS = 0.05
GRACE_SECONDS = 30.0
"""How long a worker may take to make its work safe after it was asked to stop."""
NAMING = "_env"
"""How names of options end that name a variable of the environment."""
STALL_SECONDS = 120.0
"""A worker that was not scheduled for this long is taken for hung."""


class WorkerRunner(JobRunner):
    """One process a job: its memory is back when it is done, and its crash is not ours."""

    def __init__(self, stall_seconds: float = STALL_SECONDS) -> None:
        self._stall_seconds = stall_seconds

    def run(self, job: Job, folder: Path, python: Interpreter, on_event: Callable[[Event], None]) -> JobResult:
        place = JobFolder(folder)
        place.prepare(job)
        place.events.unlink(missing_ok=True)
        place.log.unlink(missing_ok=True)
        variables = python.variables | named_variables(job)
        group = ProcessGroup(_command(job, python.path, folder), place.log, variables)
        tail, pulse = _EventTail(place.events), _Pulse(place, self._stall_seconds)
        try:
            while group.wait(POLL_SECONDS) is None:
                tail.forward(on_event)
                pulse.check(job)
        except WorkerStalled:
            group.stop(grace=0.0)
            raise
        finally:
            group.stop(GRACE_SECONDS)
            with contextlib.suppress(OSError):
                tail.forward(on_event)
        return _outcome(place, job, group.poll())


def named_variables(job: Job) -> dict[str, str]:
    """Variables of the environment that options name whose own name ends in ``_env``.

    They are options of the job's backends, and of those that its inputs were encrypted with.

    The job carries their names alone, and its process is given their values.
    """
    given = [backend.options for backend in (*job.plugins, *job.parts.values())]
    given += [one.facts["sealed"]["options"] for one in job.inputs.values() if is_sealed(one)]
    options = ((key, value) for some in given for key, value in some.items())
    named = {value for key, value in options if key.endswith(NAMING) and isinstance(value, str)}
    return {name: os.environ[name] for name in sorted(named) if name in os.environ}


def _command(job: Job, python: str, folder: Path) -> tuple[str, ...]:
    """What runs the job: the worker itself, or what its launcher says."""
    if job.launcher is None:
        return (python, "-m", "ftctl.worker", str(folder))
    launcher: Launcher = make(job.launcher)
    return launcher.command(python, folder)


class _Pulse:
    """Whether all workers still touch their heartbeats; on a clock that a suspended machine does not advance."""

    def __init__(self, place: JobFolder, limit: float) -> None:
        self._place, self._limit = place, limit
        self._last, self._since = dict[str, int](), dict[str, float]()
        self._heard = time.monotonic()

    def check(self, job: Job) -> None:
        beats = self._beats()
        now = time.monotonic()
        self._since = {name: now if self._last.get(name) != beat else self._since[name] for name, beat in beats.items()}
        self._last = beats
        self._heard = now if beats else self._heard
        silent = max(now - since for since in (self._since.values() or [self._heard]))
        if silent > self._limit:
            raise WorkerStalled(
                f"the worker of stage {job.stage} gave no sign of life for {silent:.0f} s and was stopped",
                next_step="run the same command to go on; `py-spy dump` shows where such a process hangs",
                details=self._place.tail(),
            )

    def _beats(self) -> dict[str, int]:
        """When each worker last said that it lives; one that has ended says nothing more."""
        found = {}
        for file in self._place.path.glob("heartbeat*"):
            with contextlib.suppress(FileNotFoundError):
                found[file.name] = file.stat().st_mtime_ns
        return found


def _outcome(place: JobFolder, job: Job, code: int | None) -> JobResult:
    outcome = place.outcome()
    if isinstance(outcome, FtctlError):
        raise outcome
    if outcome is not None:
        return outcome
    text = f"the worker of stage {job.stage} ended with code {code} and no result"
    if code == DiskFull.exit_code:
        raise DiskFull(f"{text}: it could not even write down why", next_step="free some space", details=place.tail())
    if code in (137, -9):
        raise ResourceExhausted(
            f"the worker of stage {job.stage} was killed by signal 9 (often out of memory)",
            next_step="lower per_device_train_batch_size or max_length, or free memory",
            details=place.tail(),
        )
    if code in (130, 143):
        raise Interrupted(text, signal_number=code - 128)
    raise WorkerDied(text, next_step=f"see {place.log}", details=place.tail())


class _EventTail:
    """Follows ``events.ndjson`` while a worker appends to it; a torn last line waits for its end."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset = path, 0

    def forward(self, on_event: Callable[[Event], None]) -> None:
        if not self._path.exists():
            return
        with self._path.open("rb") as stream:
            stream.seek(self._offset)
            whole, newline, _ = stream.read().rpartition(b"\n")
        self._offset += len(whole) + len(newline)
        for line in whole.splitlines():
            on_event(from_plain(json.loads(line), Event))
