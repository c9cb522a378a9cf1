"""Keep a run's folder: lock, events, documents."""

import contextlib
import fcntl
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from cattrs import BaseValidationError

from ftctl.application.run_record import damaged
from ftctl.domain.codec import from_plain, to_plain
from ftctl.domain.event import Event
from ftctl.domain.names import is_name
from ftctl.errors import RunBusy, UsageError
from ftctl.ports.run_journal import RunJournal, RunJournals
from ftctl_adapters.store.commit import write_file

UNREADABLE = (ValueError, TypeError, LookupError, RecursionError, BaseValidationError)
"""Errors of a line that holds no event: a crash tore it, or somebody wrote there."""

ORPHANS_SECONDS = 15.0
"""How long to wait for the children of a dead owner, which are being ended."""


class DiskRunJournal(RunJournal):
    """``runs/<id>/``. The lock is a flock that workers and servers inherit.

    So it is free exactly when the owner and everything it started are gone, however they ended.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._warned = False

    @contextlib.contextmanager
    def owned(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._lock(handle)
            os.set_inheritable(handle, True)
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
            yield
        finally:
            os.close(handle)

    def is_owned(self) -> bool:
        try:
            handle = os.open(self.folder / "lock", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return False
        try:
            # shared: whoever looks at the same moment, or begins the run, is not told that it is busy
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(handle)
        return False

    def _lock(self, handle: int) -> None:
        deadline = time.monotonic() + ORPHANS_SECONDS
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                owner = os.pread(handle, 32, 0).decode() or "?"
                if _alive(owner) or time.monotonic() > deadline:
                    text = f"run {self.folder.name} is owned by process {owner}"
                    raise RunBusy(text, next_step="wait for it, or stop that process") from None
                time.sleep(0.05)

    def append(self, event: Event) -> None:
        try:
            line = json.dumps(to_plain(event)).encode() + b"\n"
            with (self.folder / "events.ndjson").open("ab+") as lines:
                lines.write(line if _ends_whole(lines) else b"\n" + line)
        except OSError as error:
            if not self._warned:
                self._warned = True
                print(f"ftctl: events are no longer recorded: {error}", file=sys.stderr)

    def events(self) -> Iterator[Event]:
        path = self.folder / "events.ndjson"
        if not path.exists():
            return
        with path.open("rb") as lines:
            for line in lines:
                with contextlib.suppress(*UNREADABLE):
                    yield from_plain(json.loads(line), Event)

    def write(self, name: str, document: dict[str, Any]) -> None:
        write_file(self.folder / name, json.dumps(document, indent=1, ensure_ascii=False))

    def read(self, name: str) -> dict[str, Any] | None:
        try:
            document = json.loads((self.folder / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise damaged(self, name, str(error)) from error
        if not isinstance(document, dict):
            raise damaged(self, name, "it holds no JSON object")
        return document

    def write_text(self, name: str, text: str) -> Path:
        write_file(self.folder / name, text)
        return self.folder / name


class DiskRunJournals(RunJournals):
    """The runs below ``.ftctl/runs``."""

    def __init__(self, root: Path) -> None:
        self._runs = root / "runs"

    def open(self, run_id: str) -> RunJournal:
        if not is_name(run_id):
            raise UsageError(f"{run_id!r} is not the name of a run", next_step="ftctl runs list")
        return DiskRunJournal(self._runs / run_id)

    def ids(self) -> list[str]:
        records = [path for path in self._runs.glob("*/run.json") if is_name(path.parent.name)]
        return [path.parent.name for path in sorted(records, key=lambda path: path.stat().st_mtime)]


def _ends_whole(stream: BinaryIO) -> bool:
    """Return True if the file is empty or ends in a newline; a crash may have torn its last line."""
    if not stream.seek(0, os.SEEK_END):
        return True
    stream.seek(-1, os.SEEK_END)
    return stream.read(1) == b"\n"


def _alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError):
        return False
    except PermissionError:
        return True
    return True
