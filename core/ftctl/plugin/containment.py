"""Containment of plugin code: it can neither end the program nor change the process for those after it."""

import contextlib
import io
import os
import signal
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Any, NoReturn, TypeVar

from ftctl.errors import FtctlError, PluginBroken, SignalArrived
from ftctl.plugin.process_state import ProcessState, put_generators
from ftctl.plugin.time_limit import TooSlow

T = TypeVar("T")

PIECE, PIECE_SECONDS = 512, 0.5
"""Items, and seconds, that a plugin's iterator is asked for at a time."""

ADVICE = "`ftctl plugins check` runs the contract of its port"


class _Exit(BaseException):
    """Raised in the place of ``os._exit``."""


@contextlib.contextmanager
def contained(owner: str, phase: str) -> Iterator[None]:
    """Run code of a plugin; what it changes in this process is undone, and its output goes to standard error.

    Variables that it adds to the environment, and its random state, are there again when its code runs once more. In
    another thread than the main one nothing is undone: that would undo what others do at the same time.

    Args:
        owner: plugin and distribution, for the error; empty for our own, which runs unguarded.
        phase: of its life, such as ``import`` or ``evaluate()``, for the error.

    Raises:
        PluginBroken: it tried to end the program: ``SystemExit``, ``KeyboardInterrupt``, ``os._exit``.
    """
    if not owner:
        yield
        return
    pressed: list[int] = []
    try:
        if threading.current_thread() is threading.main_thread():
            output = contextlib.redirect_stdout(sys.stderr or io.StringIO())
            with output, _no_exit(), _noting_interrupts(pressed), _undone(owner):
                yield
        else:
            yield
    except (Exception, SignalArrived, TooSlow, GeneratorExit):
        raise
    except BaseException as error:
        if pressed:
            raise  # it was the user
        said = f"os._exit({error})" if isinstance(error, _Exit) else f"{type(error).__name__}: {error}"
        raise PluginBroken(f"{owner} tried to end the program in {phase}: {said}", next_step=ADVICE) from error


_own: dict[str, tuple[dict[str, str], dict[str, Any]]] = {}
"""Variables that each owner's code added, and its random states."""


@contextlib.contextmanager
def _undone(owner: str) -> Iterator[None]:
    """Undo what the block changes, and give it what it had when it ran before."""
    before, handlers = ProcessState.taken(), True
    added, generators = _own.get(owner, ({}, {}))
    os.environ.update({name: value for name, value in added.items() if name not in os.environ})
    put_generators(generators)
    try:
        yield
    except SignalArrived:
        handlers = False  # its arrival has changed them
        raise
    finally:
        now = ProcessState.taken()
        added = {name: value for name, value in now.variables.items() if name not in before.variables}
        _own[owner] = (added, dict(now.generators))
        before.restore(handlers=handlers)


def each(items: Iterable[T], owner: str, phase: str) -> Iterator[T]:
    """Yield what a plugin's iterator yields, with its code contained.

    Raises:
        PluginBroken: it is no iterator, or as by `contained` and `foreign`.
    """
    if not owner:
        yield from items
        return
    with foreign(owner, phase):
        source = iter(items)
    while True:
        with foreign(owner, phase):
            piece = _piece(source)
        if not piece:
            return
        yield from piece


def _piece(source: Iterator[T]) -> list[T]:
    """Return the next items: at most `PIECE`, and no more than come in `PIECE_SECONDS`."""
    found, deadline = list[T](), time.monotonic() + PIECE_SECONDS
    for item in source:
        found.append(item)
        if len(found) == PIECE or time.monotonic() > deadline:
            break
    return found


@contextlib.contextmanager
def foreign(owner: str, phase: str) -> Iterator[None]:
    """Run code of a plugin contained; its own exceptions become errors with its name.

    Raises:
        PluginBroken: it raised something that no port allows, or as by `contained`.
        FtctlError: as it raised it.
    """
    try:
        with contained(owner, phase):
            yield
    except (FtctlError, MemoryError, OSError, GeneratorExit):
        raise  # what a port allows, and what tells of this machine
    except Exception as error:
        if not owner:
            raise
        raise PluginBroken(f"{owner} failed in {phase}: {type(error).__name__}: {error}", next_step=ADVICE) from error


@contextlib.contextmanager
def _noting_interrupts(pressed: list[int]) -> Iterator[None]:
    """Note a SIGINT that Python would raise as ``KeyboardInterrupt``, to tell it from one that a plugin raises."""
    usual = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not usual or threading.current_thread() is not threading.main_thread():
        yield
        return

    def note(number: int, _frame: FrameType | None) -> None:
        pressed.append(number)
        raise KeyboardInterrupt

    signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextlib.contextmanager
def _no_exit() -> Iterator[None]:
    """Turn ``os._exit`` in this process into an exception; a fork may end as it likes."""
    leave, here, active = os._exit, os.getpid(), [True]

    def refused(status: int) -> NoReturn:
        if active[0] and os.getpid() == here:
            raise _Exit(status)
        leave(status)

    os._exit = refused
    try:
        yield
    finally:
        active[0] = False
        os._exit = leave
