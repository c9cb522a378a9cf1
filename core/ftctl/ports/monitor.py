"""Port: monitors observe a run. A failing monitor never fails the run."""

from abc import ABC, abstractmethod
from pathlib import Path

from ftctl.domain.event import Event
from ftctl.errors import BackendError


class MonitorError(BackendError):
    """The monitor cannot record; the run goes on without it."""

    code = "monitor"


class Monitor(ABC):
    """Constructed with its options as only argument."""

    @abstractmethod
    def open(self, run_id: str, folder: Path) -> None:
        """Called once before the first event; ``folder`` is the run's own and may be written."""

    @abstractmethod
    def emit(self, event: Event) -> None:
        """Called for every event, in order; unknown kinds are ignored."""

    @abstractmethod
    def close(self) -> None:
        """Flushes what was recorded; may be called twice."""
