"""The machine's clock."""

import time

from ftctl.ports.clock import Clock


class SystemClock(Clock):
    """Clock of the operating system."""

    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)
