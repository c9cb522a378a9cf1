"""Journals in memory, over a real folder for the files of stages."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import define, field

from ftctl.domain.event import Event
from ftctl.errors import RunBusy
from ftctl.ports.run_journal import RunJournal, RunJournals


@define
class FakeRunJournal(RunJournal):
    """Journal in memory."""

    folder: Path
    busy: bool = False
    recorded: list[Event] = field(factory=list)
    documents: dict[str, Any] = field(factory=dict)

    @contextlib.contextmanager
    def owned(self) -> Iterator[None]:
        if self.busy:
            raise RunBusy("owned by process 1")
        self.busy = True
        try:
            yield
        finally:
            self.busy = False

    def is_owned(self) -> bool:
        return self.busy

    def append(self, event: Event) -> None:
        self.recorded.append(event)

    def events(self) -> Iterator[Event]:
        return iter(self.recorded)

    def write(self, name: str, document: dict[str, Any]) -> None:
        self.documents[name] = document

    def read(self, name: str) -> dict[str, Any] | None:
        return self.documents.get(name)

    def write_text(self, name: str, text: str) -> Path:
        self.documents[name] = text
        return self.folder / name


@define
class FakeRunJournals(RunJournals):
    """Journals in memory, by run."""

    root: Path
    journals: dict[str, FakeRunJournal] = field(factory=dict)

    def open(self, run_id: str) -> FakeRunJournal:
        return self.journals.setdefault(run_id, FakeRunJournal(self.root / run_id))

    def ids(self) -> list[str]:
        return list(self.journals)
