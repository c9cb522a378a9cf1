"""Port: monitors observe a run. A failing monitor never fails the run."""

from abc import ABC, abstractmethod
from pathlib import Path

from ftctl.domain.event import Event
from ftctl.errors import BackendError


class MonitorError(BackendError):
    """The monitor cannot record; the run goes on without it."""

    code = "monitor"


class Monitor(ABC):
    """Monitor; constructed with its options alone."""

    @abstractmethod
    def open(self, run_id: str, folder: Path) -> None:
        """Open the monitor before the first event; it may write into ``folder``, the run's own."""

    @abstractmethod
    def emit(self, event: Event) -> None:
        """Receive an event, in order; unknown kinds are ignored."""

    @abstractmethod
    def close(self) -> None:
        """Flush everything; may be called twice."""
