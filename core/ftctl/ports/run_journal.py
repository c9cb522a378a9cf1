"""Port: the record of one run on disk, owned by one process at a time."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from ftctl.domain.event import Event


class RunJournal(ABC):
    """Folder of one run."""

    folder: Path

    @abstractmethod
    def owned(self) -> AbstractContextManager[None]:
        """Lock the run for this process and its children.

        Raises:
            RunBusy: another process holds it; the message names its pid.
        """

    @abstractmethod
    def is_owned(self) -> bool:
        """Return True while a process, or one that it started, holds the run."""

    @abstractmethod
    def append(self, event: Event) -> None:
        """Append the event to ``events.ndjson``; a full disk loses the event, never the run."""

    @abstractmethod
    def events(self) -> Iterator[Event]:
        """Return all events so far, without lines that a crash tore."""

    @abstractmethod
    def write(self, name: str, document: dict[str, Any]) -> None:
        """Replace ``name`` (``run.json``) atomically."""

    @abstractmethod
    def read(self, name: str) -> dict[str, Any] | None:
        """Return the document that `write` stored, or ``None``.

        Raises:
            RunDamaged: the file is there, and holds no JSON object.
        """

    @abstractmethod
    def write_text(self, name: str, text: str) -> Path:
        """Replace a text file (``report.md``) atomically and return its path."""


class RunJournals(ABC):
    """Runs of a workspace."""

    @abstractmethod
    def open(self, run_id: str) -> RunJournal:
        """Return the journal of this run, created if absent."""

    @abstractmethod
    def ids(self) -> list[str]:
        """Return the ids of all runs, the newest last."""
