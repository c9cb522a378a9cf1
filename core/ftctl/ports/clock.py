"""Port: time, so that tests can control it."""

from abc import ABC, abstractmethod


class Clock(ABC):
    """Time source."""

    @abstractmethod
    def now(self) -> float:
        """Return seconds since the epoch."""

    @abstractmethod
    def sleep(self, seconds: float) -> None:
        """Sleep; a signal ends it early."""
