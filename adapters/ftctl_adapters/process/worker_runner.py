"""Run jobs as ``python -m ftctl.worker`` in the interpreter of their environment."""

import contextlib
import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from ftctl.domain.codec import from_plain
from ftctl.domain.event import Event
from ftctl.domain.interpreter import Interpreter
from ftctl.domain.job import Job, JobResult
from ftctl.errors import DiskFull, FtctlError, Interrupted, ResourceExhausted, WorkerDied, WorkerStalled
from ftctl.plugin import is_sealed
from ftctl.ports.job_runner import JobRunner
from ftctl.worker.instantiate import ask
from ftctl.worker.job_folder import JobFolder
from ftctl.worker.memory_advice import memory_advice
from ftctl_adapters.process.group import ProcessGroup
from ftctl_adapters.process.pulse import Pulse, is_runnable, members
from ftctl_adapters.process.starter import Fork, ProcessStarter

POLL_SECONDS = 0.05
GRACE_SECONDS = 30.0
"""How long a worker may take to make its work safe after it was asked to stop; longer if it computes."""
EXIT_SECONDS = 10.0
"""How long a worker may take to exit once its result is written; then it is ended, and the result is taken."""
NAMING = "_env"
"""How names of options end that name a variable of the environment."""
STALL_SECONDS = 120.0
"""A worker that has been silent for this long and does nothing is taken for hung."""


class WorkerRunner(JobRunner):
    """Runner with one process a job, so that memory is freed and crashes are contained."""

    def __init__(
        self,
        starter: ProcessStarter | None = None,
        *,
        stall_seconds: float = STALL_SECONDS,
        exit_seconds: float = EXIT_SECONDS,
    ) -> None:
        self._starter = starter or ProcessStarter(warm=False)
        self._stall_seconds, self._exit_seconds = stall_seconds, exit_seconds

    def expect(self, python: Interpreter, modules: Sequence[str]) -> None:
        self._starter.expect(python, modules)

    def close(self) -> None:
        self._starter.close()

    def run(self, job: Job, folder: Path, python: Interpreter, on_event: Callable[[Event], None]) -> JobResult:
        place = JobFolder(folder)
        place.prepare(job)
        place.events.unlink(missing_ok=True)
        place.log.unlink(missing_ok=True)
        command = _command(job, python.path, folder)
        # rows are read without torch: sooner in a new process than in one that is to be forked from a busy server
        fork = Fork.IF_READY if job.operation == "dataset" else Fork.WAIT
        group = self._starter.start(python, command, place.log, named_variables(job), fork=fork)
        tail = _EventTail(place.events)
        try:
            self._wait(group, place, job, lambda: tail.forward(on_event))
        except WorkerStalled:
            group.stop(grace=0.0)
            if not place.has_result():
                raise
        finally:
            group.stop(GRACE_SECONDS, busy=lambda: any(map(is_runnable, members(group.pid))))
            with contextlib.suppress(OSError):
                tail.forward(on_event)
        return _outcome(place, job, group.poll())

    def _wait(self, group: ProcessGroup, place: JobFolder, job: Job, forward: Callable[[], None]) -> None:
        """Wait for the end of a job: that of its process, or its result, whatever the process does afterwards."""
        pulse, written = Pulse(place, group.pid, self._stall_seconds), None
        while group.wait(POLL_SECONDS) is None:
            forward()
            if written is None and place.has_result():
                written = time.monotonic()
            if written is None:
                pulse.check(job.stage)
            elif time.monotonic() - written > self._exit_seconds:
                group.stop(grace=0.0)


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
    """Return the command of a job: the worker, or its launcher's."""
    if job.launcher is None:
        return (python, "-m", "ftctl.worker", str(folder))
    command: tuple[str, ...] = ask(job.launcher, "command", python, folder)
    return command


def _outcome(place: JobFolder, job: Job, code: int | None) -> JobResult:
    outcome = place.outcome()
    if isinstance(outcome, FtctlError):
        raise outcome
    if outcome is not None:
        return outcome
    others = sorted({str(one) for one in (*job.plugins, *job.parts.values()) if one.owner})
    whose = f" ({', '.join(others)})" if others else ""
    text = f"the worker of stage {job.stage}{whose} ended with code {code} and no result"
    if code == DiskFull.exit_code:
        raise DiskFull(f"{text}: it could not even write down why", next_step="free some space", details=place.tail())
    if code in (137, -9):
        raise ResourceExhausted(
            f"the worker of stage {job.stage} was killed by signal 9 (often out of memory)",
            next_step=memory_advice(job),
            details=place.tail(),
        )
    if code in (130, 143):
        raise Interrupted(text, signal_number=code - 128)
    raise WorkerDied(text, next_step=f"see {place.log}", details=place.tail())


class _EventTail:
    """Reader of ``events.ndjson`` while a worker appends to it; a torn last line waits for its end."""

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
