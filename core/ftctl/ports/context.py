"""What every backend is given for the time of one stage."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import frozen

from ftctl.errors import Interrupted


@frozen
class StageContext:
    """``out`` receives the files of the artifact; ``work`` outlives a crash and is there again on the next try.

    ``emit(kind, **data)`` records an event. ``cancelled()`` turns true when the run was asked to stop: a backend
    that works for long asks it often, makes its work safe and calls `stop`.
    """

    work: Path
    out: Path
    seed: int
    emit: Callable[..., None]
    cancelled: Callable[[], bool]
    settings: dict[str, Any]

    def stop(self) -> None:
        """Raises `Interrupted`, once the work so far is safe."""
        raise Interrupted("stopped on request")

    def stop_if_cancelled(self) -> None:
        """Raises `Interrupted` when the run was asked to stop."""
        if self.cancelled():
            self.stop()
