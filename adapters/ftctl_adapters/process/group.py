"""A process group: one command and everything it started, stopped together."""

import contextlib
import os
import signal
import time
from abc import ABC, abstractmethod

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

    def stop(self, grace: float, *, linger: float = LINGER_SECONDS) -> None:
        """Ask the whole group to end and kill it after ``grace`` seconds.

        Killed processes are waited for until their parent has collected them, at most ``linger`` seconds.
        """
        if self.poll() is None:
            self._signal(signal.SIGTERM)
            try:
                self.wait(grace)
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
