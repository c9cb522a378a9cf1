"""State of this process that foreign code can change: taken before it runs, compared and restored afterwards."""

import locale
import os
import random
import signal
import sys
import threading
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen

RANDOM = "the random state of"
"""How a change of a random generator is told."""

SETTLE_SECONDS = 1.0
"""How long threads that are about to end are waited for."""

_Access = tuple[Callable[[], Any], Callable[[Any], Any]]


@frozen
class ProcessState:
    """Working directory, umask, environment, locale, signal handlers, warning filters, random generators and threads.

    Generators of NumPy and torch belong to it once they are imported.
    """

    folder: str
    umask: int
    variables: Mapping[str, str]
    locale: str
    handlers: Mapping[int, Any]
    filters: tuple[Any, ...]
    generators: Mapping[str, Any]
    threads: frozenset[int] = field(factory=frozenset)

    @staticmethod
    def taken() -> "ProcessState":
        """Return the state of this process now."""
        return ProcessState(
            _folder(),
            _umask(),
            dict(os.environ),
            locale.setlocale(locale.LC_ALL),
            {number: signal.getsignal(number) for number in signal.valid_signals()},
            tuple(warnings.filters),
            {name: get() for name, (get, _) in _generators().items()},
            frozenset(_threads()),
        )

    def changes(self) -> list[str]:
        """Return what differs now, a few words each; empty if nothing does."""
        now = ProcessState.taken()
        found = []
        if now.folder != self.folder:
            found.append(f"the working directory is {now.folder}")
        if now.umask != self.umask:
            found.append(f"the umask is {now.umask:03o}")
        names = {*self.variables, *now.variables}
        changed = sorted(name for name in names if self.variables.get(name) != now.variables.get(name))
        if changed:
            found.append(f"variables of the environment: {', '.join(changed)}")
        if now.locale != self.locale:
            found.append(f"the locale is {now.locale}")
        handled = [number for number, handler in self.handlers.items() if now.handlers.get(number) != handler]
        if handled:
            found.append(f"handlers of signals: {', '.join(signal.Signals(one).name for one in handled)}")
        if now.filters != self.filters:
            found.append("filters of warnings")
        found += [f"{RANDOM} {name}" for name, told in self.generators.items()
                  if not _equal(told, now.generators.get(name))]  # fmt: skip
        left = _left(self.threads)
        return [*found, f"threads: {', '.join(left)}"] if left else found

    def restore(self, *, handlers: bool = True) -> None:
        """Make the process as it was, but for threads, which nobody can end.

        Args:
            handlers: handlers of signals too.
        """
        os.umask(self.umask)
        if _folder() != self.folder and self.folder:
            os.chdir(self.folder)
        for name in set(os.environ) - set(self.variables):
            del os.environ[name]
        os.environ.update({name: value for name, value in self.variables.items() if os.environ.get(name) != value})
        if locale.setlocale(locale.LC_ALL) != self.locale:
            locale.setlocale(locale.LC_ALL, self.locale)
        if handlers and threading.current_thread() is threading.main_thread():
            for number, handler in self.handlers.items():
                if handler is not None and signal.getsignal(number) != handler:
                    signal.signal(number, handler)
        if tuple(warnings.filters) != self.filters:
            warnings.filters[:] = self.filters  # type: ignore[index]
            with warnings.catch_warnings():
                pass  # its end tells the interpreter that the filters changed
        put_generators(self.generators)


def put_generators(states: Mapping[str, Any]) -> None:
    """Give random generators these states, by their module."""
    for name, (_, put) in _generators().items():
        if name in states:
            put(states[name])


def _folder() -> str:
    try:
        return str(Path.cwd())
    except OSError:
        return ""


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _generators() -> dict[str, _Access]:
    """Return how to read and write each random generator that is there, by its module."""
    found: dict[str, _Access] = {"random": (random.getstate, random.setstate)}
    numpy, torch = sys.modules.get("numpy.random"), sys.modules.get("torch")
    if numpy is not None and hasattr(numpy, "get_state"):
        found["numpy"] = (numpy.get_state, numpy.set_state)
    if torch is not None and hasattr(torch, "get_rng_state"):
        found["torch"] = (torch.get_rng_state, torch.set_rng_state)
    return found


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, tuple) and isinstance(other, tuple):
        return len(one) == len(other) and all(map(_equal, one, other))
    if hasattr(one, "shape"):
        return bool((one == other).all())
    return bool(one == other)


def _threads() -> dict[int, str]:
    """Return the threads that keep a program alive, by their id."""
    return {one.ident: one.name for one in threading.enumerate() if one.ident is not None and not one.daemon}


def _left(before: frozenset[int]) -> list[str]:
    """Return the names of threads that are new and do not end within a moment."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while True:
        left = [name for ident, name in _threads().items() if ident not in before]
        if not left or time.monotonic() > deadline:
            return sorted(left)
        time.sleep(0.01)
