"""A monitor that keeps what it saw, in memory or in the run's folder, and can be told to fail."""

from pathlib import Path

from ftctl.domain.event import Event
from ftctl.errors import FtctlError
from ftctl.plugin import option, options
from ftctl.ports.monitor import Monitor, MonitorError


@options
class FakeMonitorOptions:
    """Options of `FakeMonitor`."""

    fails_at: str = option("", help="open, emit or close: where it raises.", choices=("", "open", "emit", "close"))


class FakeMonitor(Monitor):
    """Appends the kinds it saw to ``fake-monitor.txt`` when it is closed."""

    def __init__(self, options: FakeMonitorOptions) -> None:
        self._options = options
        self._file: Path | None = None
        self.seen: list[Event] = []

    def open(self, run_id: str, folder: Path) -> None:
        self._maybe_fail("open")
        folder.mkdir(parents=True, exist_ok=True)
        self._file = folder / "fake-monitor.txt"

    def emit(self, event: Event) -> None:
        self._maybe_fail("emit")
        self.seen.append(event)

    def close(self) -> None:
        self._maybe_fail("close")
        if self._file:
            with self._file.open("a", encoding="utf-8") as stream:
                stream.writelines(f"{event.kind}\n" for event in self.seen)
            self.seen.clear()

    def _maybe_fail(self, moment: str) -> None:
        if self._options.fails_at == moment:
            error: FtctlError = MonitorError(f"told to fail at {moment}")
            raise error
