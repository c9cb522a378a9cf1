"""Runner of jobs: in another process, or inline."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from pathlib import Path

from ftctl.domain.event import Event
from ftctl.domain.interpreter import Interpreter
from ftctl.domain.job import Job, JobResult


class JobRunner(ABC):
    """Runner of one job at a time in its folder: ``job.json`` in, events appended, ``result.json`` out."""

    def expect(self, python: Interpreter, modules: Sequence[str]) -> None:  # noqa: B027
        """Prepare for jobs that will need these modules in this interpreter: a hint, by default ignored."""

    def close(self) -> None:  # noqa: B027
        """End what was prepared; jobs can still be run."""

    @abstractmethod
    def run(self, job: Job, folder: Path, python: Interpreter, on_event: Callable[[Event], None]) -> JobResult:
        """Run the job and return its result.

        Args:
            job: what to do.
            folder: its files; ``out`` is emptied, ``work`` is kept.
            python: the interpreter of the backend's environment.
            on_event: called for every event while it happens.

        Raises:
            FtctlError: the error that the worker recorded.
            WorkerDied: it ended without a result; the log's last lines are in ``details``.
        """
