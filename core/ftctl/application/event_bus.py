"""Carries events to the journal, the monitors and the hooks; a watcher that fails is dropped, the run goes on."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from attrs import define, evolve, field

from ftctl.domain.event import WARNING_RAISED, Event
from ftctl.plugin.registry import Registry
from ftctl.ports.clock import Clock
from ftctl.ports.monitor import Monitor
from ftctl.ports.run_journal import RunJournal
from ftctl.redact import redacted_value


@define
class EventBus:
    """One a run; open it before the first event and close it after the last."""

    journal: RunJournal
    registry: Registry
    clock: Clock
    monitors: dict[str, Monitor]
    watch: Callable[[Event], None] = field(default=lambda event: None)
    """Sees every event last, and may raise `Interrupted` to stop the run."""

    def open(self, run_id: str) -> None:
        for name, monitor in list(self.monitors.items()):
            try:
                monitor.open(run_id, self.journal.folder)
            except (Exception, SystemExit) as error:
                self._drop(name, error)

    def emit(self, kind: str, stage: str = "", **data: Any) -> None:
        """Makes an event now and carries it."""
        self.carry(Event(kind, self.clock.now(), stage, data))

    def carry(self, event: Event) -> None:
        """Carries an event that a worker made, without the secrets that stand in it."""
        event = evolve(event, data=redacted_value(event.data))
        self.journal.append(event)
        for name, monitor in list(self.monitors.items()):
            try:
                monitor.emit(evolve(event, data=deepcopy(event.data)))
            except (Exception, SystemExit) as error:
                self._drop(name, error)
        self.registry.notify("ftctl_event", event=event)
        self.watch(event)

    def close(self) -> None:
        for name, monitor in list(self.monitors.items()):
            try:
                monitor.close()
            except (Exception, SystemExit) as error:
                self._drop(name, error)

    def _drop(self, name: str, error: BaseException) -> None:
        del self.monitors[name]
        text = f"monitor {name!r} failed and is left out: {type(error).__name__}: {error}"
        self.carry(Event(WARNING_RAISED, self.clock.now(), "", {"message": text}))
