"""Context that every backend gets for one stage."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from attrs import frozen

from ftctl.domain.example import Example
from ftctl.domain.interpreter import Interpreter
from ftctl.errors import Interrupted
from ftctl.ports.target import Target


def _nothing() -> Iterator[Example]:
    return iter(())


def _no_base() -> None:
    return None


@frozen
class StageContext:
    """Context of one stage; picklable, since engines send it to other processes.

    ``out`` receives the files of the artifact; ``work`` outlives a crash and is there again on the next try.

    ``emit(kind, **data)`` records an event. ``cancelled()`` turns true when the run was asked to stop: a backend
    that works for long asks it often, makes its work safe and calls `stop`.
    """

    work: Path
    out: Path
    seed: int
    emit: Callable[..., None]
    cancelled: Callable[[], bool]
    settings: dict[str, Any]
    program: Interpreter | None = None
    """Where an evaluator's program lives, for one that is `outside`."""
    training: Callable[[], Iterator[Example]] = _nothing
    """For an evaluator: what the tuned model was trained on, read as it is used."""
    base: Callable[[], Target | None] = _no_base
    """For an evaluator that compares: the base model; nothing where the base itself is measured."""
    spread: Callable[[Callable[[Any], Any], Iterable[Any]], Iterator[Any]] = map
    """Applies a function to items where the stage's engine does its work; results come in the order of the items."""

    def stop(self) -> None:
        """Raise `Interrupted`, after the work so far is safe."""
        raise Interrupted("stopped on request")

    def stop_if_cancelled(self) -> None:
        """Raise `Interrupted` if the run was asked to stop."""
        if self.cancelled():
            self.stop()
