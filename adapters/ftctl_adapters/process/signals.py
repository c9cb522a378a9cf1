"""Turns SIGINT, SIGTERM and SIGHUP into an exception, so that every ``finally`` on the way out runs."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from ftctl.errors import Interrupted

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Within it the first signal raises `Interrupted`; later ones wait until the work is safe."""
    previous = {number: signal.signal(number, _raise) for number in NUMBERS}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _raise(number: int, _frame: FrameType | None) -> None:
    for other in NUMBERS:
        signal.signal(other, signal.SIG_IGN)
    name = signal.Signals(number).name
    raise Interrupted(f"stopped by {name}", signal_number=number, next_step="run the same command to go on")
