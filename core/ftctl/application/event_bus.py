"""Pass events to journal, monitors and hooks; an observer that fails is dropped and the run goes on."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from attrs import define, evolve, field

from ftctl.domain.event import WARNING_RAISED, Event
from ftctl.plugin.containment import contained
from ftctl.plugin.registry import Registry
from ftctl.ports.clock import Clock
from ftctl.ports.monitor import Monitor
from ftctl.ports.run_journal import RunJournal
from ftctl.redact import redacted_value


@define
class EventBus:
    """Event bus of one run; open it before the first event and close it after the last."""

    journal: RunJournal
    registry: Registry
    clock: Clock
    monitors: dict[str, Monitor]
    owners: dict[str, str] = field(factory=dict)
    """Distributions of monitors that are not ours, by the monitor's name."""
    watch: Callable[[Event], None] = field(default=lambda event: None)
    """Sees every event last, and may raise `Interrupted` to stop the run."""

    def open(self, run_id: str) -> None:
        """Open the monitors."""
        self._each(lambda monitor: monitor.open(run_id, self.journal.folder))

    def emit(self, kind: str, stage: str = "", **data: Any) -> None:
        """Create an event with the current time and pass it on."""
        self.carry(Event(kind, self.clock.now(), stage, data))

    def carry(self, event: Event) -> None:
        """Pass on a worker's event, with secrets removed."""
        event = evolve(event, data=redacted_value(event.data))
        self.journal.append(event)
        self._each(lambda monitor: monitor.emit(evolve(event, data=deepcopy(event.data))))
        self.registry.notify("ftctl_event", event=event)
        self.watch(event)

    def close(self) -> None:
        """Close the monitors."""
        self._each(lambda monitor: monitor.close())

    def _each(self, call: Callable[[Monitor], None]) -> None:
        """Call every monitor; those that fail are dropped before the next event."""
        failed: dict[str, BaseException] = {}
        for name, monitor in self.monitors.items():
            owner = f"monitor {name} of {self.owners[name]}" if self.owners.get(name) else ""
            try:
                with contained(owner, "the run"):
                    call(monitor)
            except Exception as error:
                failed[name] = error
        for name in failed:
            del self.monitors[name]
        for name, cause in failed.items():
            text = f"monitor {name!r} failed and is left out: {type(cause).__name__}: {cause}"
            self.emit(WARNING_RAISED, message=text)
