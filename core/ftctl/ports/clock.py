"""Time, so that tests can own it."""

from abc import ABC, abstractmethod


class Clock(ABC):
    """Time source."""

    @abstractmethod
    def now(self) -> float:
        """Seconds since the epoch."""

    @abstractmethod
    def sleep(self, seconds: float) -> None:
        """Lets that much time pass; a signal ends it early."""
