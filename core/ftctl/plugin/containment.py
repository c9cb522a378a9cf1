"""Containment of plugin code: it can neither end the program nor change the process for those after it."""

import contextlib
import io
import os
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from itertools import islice
from types import FrameType
from typing import NoReturn, TypeVar

from ftctl.errors import FtctlError, PluginBroken, SignalArrived
from ftctl.plugin.process_state import ProcessState

T = TypeVar("T")

PIECE = 512
"""Items that a plugin's iterator is asked for at a time."""

ADVICE = "`ftctl plugins check` runs the contract of its port"


class _Exit(BaseException):
    """Raised in the place of ``os._exit``."""


@contextlib.contextmanager
def contained(owner: str, phase: str) -> Iterator[None]:
    """Run code of a plugin; what it changes in this process is undone, and its output goes to standard error.

    Args:
        owner: plugin and distribution, for the error; empty for our own, which runs unguarded.
        phase: of its life, such as ``import`` or ``evaluate()``, for the error.

    Raises:
        PluginBroken: it tried to end the program: ``SystemExit``, ``KeyboardInterrupt``, ``os._exit``.
    """
    if not owner:
        yield
        return
    before, pressed = ProcessState.taken(), list[int]()
    try:
        with contextlib.redirect_stdout(sys.stderr or io.StringIO()), _no_exit(), _noting_interrupts(pressed):
            yield
    except (Exception, SignalArrived, GeneratorExit):
        raise
    except BaseException as error:
        if pressed:
            raise  # it was the user
        said = f"os._exit({error})" if isinstance(error, _Exit) else f"{type(error).__name__}: {error}"
        raise PluginBroken(f"{owner} tried to end the program in {phase}: {said}", next_step=ADVICE) from error
    finally:
        before.restore()


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
            piece = list(islice(source, PIECE))
        if not piece:
            return
        yield from piece


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
