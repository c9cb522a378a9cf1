"""Turn SIGINT, SIGTERM and SIGHUP into an exception, so that every ``finally`` runs; a second one ends at once.

A hang-up that was already ignored (``nohup``) stays so. SIGINT is heard even where a shell ignores it for its
background jobs: whoever sends it means it.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from types import FrameType

from ftctl.errors import SignalArrived

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_end = os._exit
"""The real one: within code of plugins, ``os._exit`` is another."""

SAME_SECONDS = 0.5
"""Signals so close together are one: a shell sends to the whole group what its child then passes on."""


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Raise `Interrupted` at the first signal within the block, whose work is then made safe.

    The second ends this process at once with 128 + its number. Guards end everything that it started, and what was
    committed stays, as after SIGKILL.
    """
    nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    heard = [number for number in NUMBERS if not (nohup and number == signal.SIGHUP)]
    previous = {number: signal.signal(number, _raise) for number in heard}
    try:
        yield
    except SignalArrived as arrived:
        raise arrived.as_error() from None
    finally:
        for number, handler in previous.items():
            # within another such block, the second signal is still to end at once
            if handler is not _raise or signal.getsignal(number) is _raise:
                signal.signal(number, handler)


def _raise(number: int, _frame: FrameType | None) -> None:
    first = time.monotonic()

    def end_at_once(number: int, _frame: FrameType | None) -> None:
        if time.monotonic() - first > SAME_SECONDS:
            _say("ended at once; the same command goes on from what was safe")
            _end(128 + number)

    for other in NUMBERS:
        if signal.getsignal(other) is _raise:
            signal.signal(other, end_at_once)
    if os.isatty(2):
        _say(f"{signal.Signals(number).name}: making the work safe; once more ends at once")
    raise SignalArrived(number, signal.Signals(number).name)


def _say(text: str) -> None:
    """Write a line to standard error, from within a signal handler."""
    with contextlib.suppress(OSError):
        if sys.stderr is not None:
            os.write(2, f"\nftctl: {text}\n".encode())
