"""Run jobs in this process, for debugging and tests."""

import sys
from collections.abc import Callable
from pathlib import Path

from ftctl.domain.event import Event
from ftctl.domain.interpreter import Interpreter
from ftctl.domain.job import Job, JobResult
from ftctl.errors import UsageError
from ftctl.ports.job_runner import JobRunner
from ftctl.worker.error_mapping import as_ftctl_error
from ftctl.worker.execute import execute
from ftctl.worker.job_folder import JobFolder


class InlineRunner(JobRunner):
    """Runner with the same jobs, folders and errors as out of process, without its protection."""

    def run(self, job: Job, folder: Path, python: Interpreter, on_event: Callable[[Event], None]) -> JobResult:
        if job.launcher and job.launcher.name != "single":
            text = f"--inline runs in this one process, and {job.launcher.name} starts several"
            raise UsageError(text, next_step="leave --inline out, or say tuner.engine: single")
        if python.path != sys.executable:
            text = f"--inline runs in this interpreter, and {job.stage} needs {python.path}"
            raise UsageError(text, next_step="leave --inline out")
        place = JobFolder(folder)
        place.prepare(job)
        try:
            return execute(job, place.context(job, on_event, lambda: False))
        except Exception as error:
            raise as_ftctl_error(error, job) from error
