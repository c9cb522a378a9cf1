"""Signs of life of a job: the heartbeats of its workers, and whether a silent one computes."""

import contextlib
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from attrs import define, field

from ftctl.errors import WorkerStalled
from ftctl.worker.job_folder import JobFolder

BUSY_FACTOR = 15
"""Factor on the longest silence for a worker that computes, or waits for a core."""
COMPUTED_SECONDS = 0.5
"""CPU time within a silence by which it is no hang."""
_TICKS = os.sysconf("SC_CLK_TCK")


@define
class Pulse:
    """Time since each worker last touched its heartbeat, on a clock that a suspended machine does not advance.

    ``limit`` is the longest silence in seconds of a worker that does nothing.
    """

    place: JobFolder
    leader: int
    limit: float
    _beats: dict[str, int] = field(factory=dict)
    _since: dict[str, tuple[float, float]] = field(factory=dict)
    _alone_since: float = field(factory=time.monotonic)

    def check(self, stage: str) -> None:
        """Look at the heartbeats.

        Raises:
            WorkerStalled: a worker has been silent for too long, and does nothing.
        """
        now, beats = time.monotonic(), self._read()
        for name in [name for name in self._since if name not in beats]:
            del self._since[name]
        for name, (beat, pid) in beats.items():
            if self._beats.get(name) != beat:
                self._since[name] = now, cpu_seconds(pid)
        self._beats = {name: beat for name, (beat, _) in beats.items()}
        for name, (_, pid) in beats.items():
            since, computed = self._since[name]
            self._refuse(stage, since, partial(is_busy, pid, computed))
        self._alone_since = now if beats else self._alone_since
        # before its first beat
        self._refuse(stage, self._alone_since, lambda: any(map(is_runnable, members(self.leader))))

    def _refuse(self, stage: str, since: float, busy: Callable[[], bool]) -> None:
        silent = time.monotonic() - since
        if silent <= self.limit or (silent <= self.limit * BUSY_FACTOR and busy()):
            return
        raise WorkerStalled(
            f"the worker of stage {stage} gave no sign of life for {silent:.0f} s and was stopped",
            next_step="run the same command to go on; `py-spy dump` shows where such a process hangs",
            details=self.place.tail(),
        )

    def _read(self) -> dict[str, tuple[int, int]]:
        """Return time and process of each heartbeat; a process of another machine is 0."""
        found = {}
        for file in self.place.path.glob("heartbeat*"):
            with contextlib.suppress(OSError):
                host, _, pid = file.read_text(encoding="utf-8").partition(" ")
                here = host == os.uname().nodename and pid.isdecimal()
                found[file.name] = file.stat().st_mtime_ns, int(pid) if here else 0
        return found


def members(group: int) -> list[int]:
    """Return the processes of a process group."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            if int(stat.read_text().rpartition(")")[2].split()[2]) == group:
                found.append(int(stat.parent.name))
    return found


def is_busy(pid: int, computed: float) -> bool:
    """Return True if a process has computed since its CPU time was ``computed``, or would if it had a core."""
    return cpu_seconds(pid) - computed > COMPUTED_SECONDS or is_runnable(pid)


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and of children it has waited for; 0 where it is not to be seen."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / _TICKS
    return 0.0


def is_runnable(pid: int) -> bool:
    """Return True if a thread of the process computes, waits for a core, or waits for a disk."""
    for stat in Path(f"/proc/{pid}/task").glob("*/stat"):
        with contextlib.suppress(OSError, IndexError):
            if stat.read_text().rpartition(")")[2].split()[0] in ("R", "D"):
                return True
    return False
