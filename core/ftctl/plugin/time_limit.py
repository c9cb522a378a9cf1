"""Limit of time for a block of code, not counting time in which it waits for a core."""

import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

NOTICEABLE = 0.05
"""Seconds without a core that a limit of time is extended by; fewer are left alone."""


class TooSlow(BaseException):
    """Raised in code that takes too long; its ``except Exception`` cannot swallow it."""


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Interrupt the block after this many seconds, not counting those in which it waited for a core.

    Only the main thread can be interrupted.

    Raises:
        TooSlow: it took longer.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    waited = waited_for_core()

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal waited
        lost, waited = waited_for_core() - waited, waited_for_core()
        if lost > NOTICEABLE:
            signal.setitimer(signal.ITIMER_REAL, lost)
            return
        raise TooSlow(f"it takes more than {seconds:g} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def waited_for_core() -> float:
    """Return the seconds that this thread was ready to run and had no core (Linux); 0 where that is not told."""
    try:
        return int(Path("/proc/thread-self/schedstat").read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0
