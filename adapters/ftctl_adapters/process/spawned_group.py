"""A process group whose command is started anew, without a shell, under a guard."""

import contextlib
import os
import select
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from ftctl.faults import fault
from ftctl_adapters.process.child_environment import child_environment
from ftctl_adapters.process.group import ProcessGroup

_GUARD = str(Path(__file__).with_name("guard.py"))


class SpawnedGroup(ProcessGroup):
    """A command started by ``guard.py``, which kills the group when this process is gone."""

    def __init__(
        self, argv: tuple[str, ...], log: Path, extra: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> None:
        fault("process.start.before")
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", _GUARD, *argv],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=child_environment(extra),
                cwd=cwd,
                start_new_session=True,
                close_fds=False,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def poll(self) -> int | None:
        return self._process.poll()

    def wait(self, seconds: float) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return _ended(self._process, seconds)
        return None

    def release(self) -> None:
        self._process.wait()
        if self._process.stdin:
            with contextlib.suppress(OSError):
                self._process.stdin.close()


def _ended(process: "subprocess.Popen[bytes]", seconds: float) -> int | None:
    """Wait for a process, by a pidfd where the system has them."""
    try:
        handle = os.pidfd_open(process.pid)
    except (AttributeError, OSError):
        return process.wait(seconds)
    try:
        waiting = select.poll()
        waiting.register(handle, select.POLLIN)
        waiting.poll(seconds * 1000)
        return process.poll()
    finally:
        os.close(handle)
