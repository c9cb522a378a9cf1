"""Turn SIGINT, SIGTERM and SIGHUP into an exception, so that every ``finally`` runs.

A hang-up that was already ignored (``nohup``) stays so. SIGINT is heard even where a shell ignores it for its
background jobs: whoever sends it means it.
"""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType

from ftctl.errors import SignalArrived

NUMBERS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Raise `Interrupted` at the first signal within the block; later ones wait until the work is safe."""
    nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    heard = [number for number in NUMBERS if not (nohup and number == signal.SIGHUP)]
    previous = {number: signal.signal(number, _raise) for number in heard}
    try:
        yield
    except SignalArrived as arrived:
        raise arrived.as_error() from None
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _raise(number: int, _frame: FrameType | None) -> None:
    for other in NUMBERS:
        signal.signal(other, signal.SIG_IGN)
    raise SignalArrived(number, signal.Signals(number).name)
