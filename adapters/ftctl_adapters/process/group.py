"""A process group: one command and everything it started, stopped together."""

import contextlib
import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Callable

BUSY_FACTOR, BUSY_SECONDS = 15, 1.0
"""Factor on the time to end for a group that computes or waits for a core, and seconds between two looks."""

LINGER_SECONDS = 5.0
"""Killed processes whose parent is slow to collect them still count as the group; no longer than this."""


class ProcessGroup(ABC):
    """A command in a session of its own with everything it started; gone when ftctl is, however that ends."""

    @property
    @abstractmethod
    def pid(self) -> int:
        """The id of the group's leader, and of the group."""

    @abstractmethod
    def poll(self) -> int | None:
        """Return the exit code, or ``None`` while it runs; 128 + N for a command that signal N ended."""

    @abstractmethod
    def wait(self, seconds: float) -> int | None:
        """Return the exit code, or ``None`` when it still runs after that time."""

    @abstractmethod
    def release(self) -> None:
        """Collect the leader, which has ended or was killed, and close what ties it to this process."""

    def stop(self, grace: float, *, linger: float = LINGER_SECONDS, busy: Callable[[], bool] = lambda: False) -> None:
        """Ask the whole group to end and kill it after ``grace`` seconds.

        While it is ``busy`` it has `BUSY_FACTOR` times as long: what is saved on a crowded machine takes its time.
        Killed processes are waited for until their parent has collected them, at most ``linger`` seconds.
        """
        if self.poll() is None:
            self._signal(signal.SIGTERM)
            try:
                asked = time.monotonic()
                ended = self.wait(grace)
                while ended is None and grace and time.monotonic() - asked < grace * BUSY_FACTOR and busy():
                    ended = self.wait(BUSY_SECONDS)
            finally:
                self._signal(signal.SIGKILL)
                self.release()
        else:
            self._signal(signal.SIGKILL)
            self.release()
        deadline = time.monotonic() + linger
        while self._exists() and time.monotonic() < deadline:
            time.sleep(0.02)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, number)

    def _exists(self) -> bool:
        try:
            os.killpg(self.pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return True
