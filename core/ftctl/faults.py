"""Named fault points for tests; inactive unless both variables are set.

``FTCTL_TEST_BUILD=1 FTCTL_FAULT="store.commit.before_rename:kill"`` kills the process at that point,
``"train.micro_step.after@17:kill"`` when it is reached for the 17th time, ``"…@17#1:kill"`` only where that is done by
the process of rank 1. Actions: ``kill``, ``exit:N``, ``hang``,
``raise:ENOSPC``.
"""

import errno
import os
import signal
import time
from collections import Counter

_reached: Counter[str] = Counter()
"""How often each point was reached; counted only in a test build."""

_SWITCH, _PLAN = "FTCTL_TEST_BUILD", "FTCTL_FAULT"


def fault(point: str) -> None:
    """Trigger the fault that ``FTCTL_FAULT`` plans for this point, in a test build."""
    plan = os.environ.get(_PLAN)
    if not plan or os.environ.get(_SWITCH) != "1":
        return
    place, _, action = plan.partition(":")
    place, _, rank = place.partition("#")
    name, _, nth = place.partition("@")
    if name != point or (rank and rank != os.environ.get("RANK")):
        return
    _reached[point] += 1
    if not nth or _reached[point] == int(nth):
        _act(action)


def _act(action: str) -> None:
    kind, _, value = action.partition(":")
    if kind == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif kind == "exit":
        os._exit(int(value))
    elif kind == "hang":
        time.sleep(3600)
    elif kind == "raise":
        number = getattr(errno, value)
        raise OSError(number, os.strerror(number))
