"""Monitors."""

import os
import time
from pathlib import Path

import pytest

from ftctl.domain.event import KINDS, Event
from ftctl.testing.contracts import (
    MonitorContract,
)
from ftctl.testing.fakes import FakeMonitor
from tests.contract.broken.base import Broken


class Watch(Broken, MonitorContract):
    @pytest.fixture(autouse=True)
    def _here(self, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path_factory.mktemp("here"))


class Choosy(FakeMonitor):
    def close(self) -> None:
        if any(event.kind == KINDS[-1] for event in self.seen):
            raise ValueError(f"{KINDS[-1]} is too much")
        super().close()


class Strict(FakeMonitor):
    def emit(self, event: Event) -> None:
        if event.kind not in KINDS:
            raise ValueError(event.kind)
        super().emit(event)


class Once(FakeMonitor):
    closed = False

    def close(self) -> None:
        if self.closed:
            raise ValueError("closed twice")
        self.closed = True
        super().close()


class Chatty(FakeMonitor):
    def emit(self, event: Event) -> None:
        os.write(1, b"event\n")
        super().emit(event)


class Anew(FakeMonitor):
    """Begins its file again whenever it is opened."""

    def open(self, run_id: str, folder: Path) -> None:
        super().open(run_id, folder)
        (folder / "fake-monitor.txt").write_text("")


class Late(FakeMonitor):
    """Writes when it is forgotten, not when it is closed."""

    def close(self) -> None:
        pass

    def __del__(self) -> None:
        super().close()


class Strewing(FakeMonitor):
    def emit(self, event: Event) -> None:
        Path("here.txt").write_text("x")
        super().emit(event)


class Scribbling(FakeMonitor):
    def emit(self, event: Event) -> None:
        event.data["seen"] = time.monotonic_ns()
        super().emit(event)


class Test_events_are_only_read(Watch):
    kind = "Scribbling"


class Test_it_takes_every_kind_of_event(Watch):
    kind = "Choosy"


class Test_a_kind_that_it_does_not_know_changes_nothing(Watch):
    kind = "Strict"


class Test_closing_is_possible_at_any_time_and_twice(Watch):
    kind = "Once"


class Test_it_says_nothing_on_standard_output(Watch):
    kind = "Chatty"


class Test_what_was_recorded_is_there_when_it_is_closed_and_stays_when_it_goes_on(Watch):
    kind = "Anew"


class Test_what_was_recorded_is_there_when_it_is_closed_and_stays_when_it_goes_on__late(Watch):
    kind = "Late"


class Test_it_writes_nowhere_but_in_its_folder(Watch):
    kind = "Strewing"


class Thorough(FakeMonitor):
    """Keeps the environment beside what happened."""

    def open(self, run_id: str, folder: Path) -> None:
        super().open(run_id, folder)
        (folder / "environment.txt").write_text(str(dict(os.environ)))


class Test_it_writes_no_secret_down(Watch):
    kind = "Thorough"
