"""Folder of a job: ``job.json`` in, ``events.ndjson`` appended, ``result.json`` or ``error.json`` out."""

import contextlib
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import frozen

from ftctl.domain.codec import from_plain, to_plain
from ftctl.domain.event import Event
from ftctl.domain.job import Job, JobResult
from ftctl.errors import BackendFailed, FtctlError, from_json
from ftctl.ports.context import StageContext

NOISE = ("Failed to load CPU gemm", "Loading weights:", "Fetching ", "Downloading ")
"""How lines of libraries begin that tell of no error."""


@frozen
class JobFolder:
    """Folder of one job. ``work`` survives between tries while the job's key stays the same."""

    path: Path

    @property
    def log(self) -> Path:
        """Path of the log of standard output and error."""
        return self.path / "worker.log"

    def heartbeat(self, rank: int | None = None) -> Path:
        """Path of the heartbeat file, gone when its process has ended."""
        return self.path / ("heartbeat" if rank is None else f"heartbeat-{rank}")

    @property
    def events(self) -> Path:
        """Path of the event log."""
        return self.path / "events.ndjson"

    def prepare(self, job: Job) -> None:
        """Prepare the folder for another try at this job."""
        if self._previous_key() != job.key:
            shutil.rmtree(self.path, ignore_errors=True)
        for pattern in ("result.json", "error*.json", "heartbeat*", "stop"):
            for leftover in self.path.glob(pattern):
                leftover.unlink()
        shutil.rmtree(self.path / "out", ignore_errors=True)
        for name in ("out", "work"):
            (self.path / name).mkdir(parents=True, exist_ok=True)
        self.write("job.json", to_plain(job))

    def _previous_key(self) -> str | None:
        """Return the key of the job that the files belong to; ``None`` if unknown, and then none is trusted."""
        try:
            previous = _read(self.path / "job.json")
        except BackendFailed:
            return None
        return str(previous.get("key")) if previous else None

    def job(self) -> Job:
        """Read the job."""
        return from_plain(json.loads((self.path / "job.json").read_text(encoding="utf-8")), Job)

    def context(self, job: Job, emit: Callable[[Event], None], cancelled: Callable[[], bool]) -> StageContext:
        """Return the context of a job, whose events go to ``emit``."""

        def make_event(kind: str, **data: Any) -> None:
            emit(Event(kind, time.time(), job.stage, data))

        return StageContext(self.path / "work", self.path / "out", job.seed, make_event, cancelled, job.settings)

    def append(self, event: Event) -> None:
        """Append an event to the event log."""
        with self.events.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(to_plain(event)) + "\n")

    def write(self, name: str, document: dict[str, Any]) -> None:
        """Write a JSON file so that a reader sees all of it or none.

        Halves of surrogate pairs, which messages of others may hold, are written as the escapes that JSON has for them.
        """
        draft = self.path / f".{name}.tmp"
        try:
            draft.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8", errors="backslashreplace")
            draft.replace(self.path / name)
        except OSError:
            with contextlib.suppress(OSError):
                draft.unlink(missing_ok=True)
            raise

    def has_result(self) -> bool:
        """Return True once the worker has written that it succeeded or failed."""
        return any((self.path / name).exists() for name in ("result.json", "error.json"))

    def outcome(self) -> JobResult | FtctlError | None:
        """Return the result or error that the worker wrote; ``None`` if it died before."""
        result, error = _read(self.path / "result.json"), _read(self.path / "error.json")
        if error is not None:
            return from_json(error)
        return from_plain(result, JobResult) if result is not None else None

    def tail(self, lines: int = 20) -> tuple[str, ...]:
        """Return the end of the worker's log."""
        if not self.log.exists():
            return ()
        text = self.log.read_bytes()[-16384:].decode(errors="replace")
        return tuple(line for line in text.splitlines() if line.strip() and not line.startswith(NOISE))[-lines:]


def _read(path: Path) -> dict[str, Any] | None:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise BackendFailed(f"{path} is not JSON: {error}") from error
    return document if isinstance(document, dict) else None
