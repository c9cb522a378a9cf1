"""Watchers that fail are left out, however many and wherever; the run goes on."""

from pathlib import Path

import pytest

from ftctl.application.event_bus import EventBus
from ftctl.domain.event import Event
from ftctl.plugin.registry import Registry
from ftctl.testing.fakes import FakeClock, FakeMonitor, FakeRunJournals
from ftctl.testing.fakes.monitor import FakeMonitorOptions


class Failing(FakeMonitor):
    """Cannot be told anything, and is not to be told anything before it is open."""

    opened = False

    def open(self, run_id: str, folder: Path) -> None:
        self.opened = True

    def emit(self, event: Event) -> None:
        assert self.opened
        raise OSError("no space left")

    def close(self) -> None:
        raise OSError("no space left")


@pytest.mark.parametrize("moment", ["open", "emit", "close"])
def test_monitors_that_fail_together_are_all_left_out(tmp_path: Path, moment: str) -> None:
    journal = FakeRunJournals(tmp_path).open("r")
    first, second = (FakeMonitor(FakeMonitorOptions(fails_at=moment)) for _ in range(2))
    monitors = {"first": first, "second": second, "third": Failing(FakeMonitorOptions())}
    bus = EventBus(journal, Registry(lambda: ()), FakeClock(), monitors)
    bus.open("r")
    bus.emit("RunStarted")
    bus.close()
    assert bus.monitors == {}
    told = [str(event.data) for event in journal.events()]
    for name in ("first", "second", "third"):
        assert len([text for text in told if f"monitor '{name}' failed" in text]) == 1, told
