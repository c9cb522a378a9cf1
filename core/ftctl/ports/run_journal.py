"""The record of one run on disk, owned by one process at a time."""

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
        """Holds the run for this process and its children.

        Raises:
            RunBusy: another process holds it; the message names its pid.
        """

    @abstractmethod
    def append(self, event: Event) -> None:
        """Adds the event to ``events.ndjson``; a full disk costs the event, never the run."""

    @abstractmethod
    def events(self) -> Iterator[Event]:
        """All events so far; a torn last line is left out."""

    @abstractmethod
    def write(self, name: str, document: dict[str, Any]) -> None:
        """Replaces ``name`` (``run.json``) in one step."""

    @abstractmethod
    def read(self, name: str) -> dict[str, Any] | None:
        """Return the document that `write` stored, or ``None``."""

    @abstractmethod
    def write_text(self, name: str, text: str) -> Path:
        """Replaces a text file (``report.md``) in one step and returns its path."""


class RunJournals(ABC):
    """The runs of a workspace."""

    @abstractmethod
    def open(self, run_id: str) -> RunJournal:
        """The journal of this run, made when absent."""

    @abstractmethod
    def ids(self) -> list[str]:
        """Every run, the newest last."""
