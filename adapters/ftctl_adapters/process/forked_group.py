"""A process group made by a fork server; its guard reports over a socket."""

import json
import select
import signal
import socket
import time
from typing import Any

from ftctl_adapters.process.group import ProcessGroup

KILLED = 128 + signal.SIGKILL
MESSAGE_BYTES = 1000
RELEASE_SECONDS = 10.0


class NotForked(Exception):
    """The fork server is gone, or does not answer."""


class ForkedGroup(ProcessGroup):
    """The other end of the socket that a guard holds (`ftctl.worker.forked_job`)."""

    def __init__(self, control: socket.socket, seconds: float) -> None:
        """Wait until the guard has forked its job.

        Raises:
            NotForked: nobody did within ``seconds``.
        """
        self._control = control
        self._code: int | None = None
        told = self._message(seconds)
        if told is None or "pid" not in told:
            control.close()
            raise NotForked
        self._pid = int(told["pid"])

    @property
    def pid(self) -> int:
        return self._pid

    def poll(self) -> int | None:
        return self.wait(0.0)

    def wait(self, seconds: float) -> int | None:
        if self._code is None:
            told = self._message(seconds)
            self._code = told.get("code", KILLED) if told is not None else None
        return self._code

    def release(self) -> None:
        deadline = time.monotonic() + RELEASE_SECONDS
        while self.wait(1.0) is None and time.monotonic() < deadline:
            pass
        self._code = KILLED if self._code is None else self._code
        self._control.close()

    def _message(self, seconds: float) -> dict[str, Any] | None:
        """Return what the guard says next, ``{}`` if it is gone, ``None`` after so many seconds."""
        waiting = select.poll()
        waiting.register(self._control, select.POLLIN)
        if not waiting.poll(seconds * 1000):
            return None
        try:
            data = self._control.recv(MESSAGE_BYTES)
        except ConnectionError:
            return {}
        found: dict[str, Any] = json.loads(data) if data else {}
        return found
