"""Let OpenMP threads wait without spinning while other programs need the cores.

GNU OpenMP (libgomp) spins for some milliseconds at each barrier, because that is fastest on an idle machine. Beside a
busy process a spinning thread burns the time that the thread it waits for needs, and training falls to a fiftieth of
its speed. The waiting policy is read once, when the library is loaded. But the library spins only briefly as long as it
has more threads than there are cores, so idle extra threads switch it at run time. Results do not change, since the
number of threads that compute stays the same.
"""

import contextlib
import ctypes
import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from attrs import define, field

LOOK_SECONDS = 1.0
OTHERS = 0.2
"""Cores that others use from which on the machine counts as busy."""
CALM = 3
"""Quiet looks in a row after which threads spin again."""
POLICY = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
"""Variables by which a user decides; then nothing is done here."""
_TICKS = os.sysconf("SC_CLK_TCK")


@define
class Load:
    """CPU seconds of this process and of the whole machine on the cores that it may use."""

    own: float
    machine: float

    @classmethod
    def now(cls) -> Self:
        """Read the counters; zeros where the system has none."""
        times = os.times()
        return cls(times.user + times.system, _machine(os.sched_getaffinity(0)))


def crowded(before: Load, after: Load, seconds: float, cores: int, threads: int) -> bool:
    """Return True if others leave fewer cores than this process has threads."""
    others = ((after.machine - before.machine) - (after.own - before.own)) / seconds
    return others > OTHERS and cores - others < threads - OTHERS


@define
class SpinControl:
    """Watch the load every second while this is open, and keep OpenMP from spinning while it is high."""

    look: Callable[[], Load] = Load.now
    _over: threading.Event = field(factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        threads = _threads()
        if threads > 1 and hasattr(os, "sched_getaffinity") and not any(name in os.environ for name in POLICY):
            self._thread = threading.Thread(target=self._watch, args=(threads,), name="spin-control", daemon=True)
            self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()

    def _watch(self, threads: int) -> None:
        cores, before, idle, calm = len(os.sched_getaffinity(0)), self.look(), IdleThreads(), 0
        while not self._over.wait(LOOK_SECONDS):
            after = self.look()
            calm = 0 if crowded(before, after, LOOK_SECONDS, cores, threads) else calm + 1
            before = after
            if calm == 0:
                idle.start(cores)
            elif calm >= CALM:
                idle.end()
        idle.end()


class IdleThreads:
    """Threads of libgomp that sleep, so that it has more of them than there are cores."""

    def __init__(self) -> None:
        self._end: threading.Event | None = None

    @property
    def there(self) -> bool:
        """True while they exist."""
        return self._end is not None

    def start(self, cores: int) -> None:
        """Create them, if the library is loaded."""
        library = None if self._end else _libgomp()
        if library:
            self._end = threading.Event()
            threading.Thread(target=_hold, args=(library, cores + 1, self._end), daemon=True).start()

    def end(self) -> None:
        """End them."""
        if self._end:
            self._end.set()
            self._end = None


def _hold(library: Any, count: int, end: threading.Event) -> None:
    """Run an empty parallel region and keep its threads, which belong to this one, until the event."""
    nothing = ctypes.cast(ctypes.CDLL(None).free, ctypes.c_void_p)
    library.GOMP_parallel(nothing, None, count, 0)
    end.wait()


def _libgomp() -> Any:
    """Return the library that this process has loaded; ``None`` without one."""
    with contextlib.suppress(OSError, AttributeError):
        for line in Path("/proc/self/maps").read_text().splitlines():
            if "libgomp" in line:
                library = ctypes.CDLL(line.split(maxsplit=5)[5])
                return library if library.GOMP_parallel else None
    return None


def _threads() -> int:
    told = os.environ.get("OMP_NUM_THREADS", "")
    return int(told) if told.isdecimal() else os.cpu_count() or 1


def _machine(cores: set[int]) -> float:
    """Return the CPU seconds that were spent on these cores, by anybody."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        total = 0
        for line in Path("/proc/stat").read_text().splitlines():
            name, *fields = line.split()
            if name.startswith("cpu") and name[3:].isdecimal() and int(name[3:]) in cores:
                # without idle and iowait; guest time is part of user time
                total += sum(int(one) for place, one in enumerate(fields[:8]) if place not in (3, 4))
        return total / _TICKS
    return 0.0
