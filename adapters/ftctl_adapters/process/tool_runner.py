"""Run a program of another environment for an evaluation."""

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from ftctl.domain.interpreter import Interpreter
from ftctl.ports import StageContext
from ftctl_adapters.process.spawned_group import SpawnedGroup

GRACE_SECONDS = 2.0
TAIL_BYTES = 16_384

Attend = Callable[[Callable[[], bool]], None]
"""Does something until it is told that the program is over."""


def run_scanner(
    context: StageContext, argv: tuple[str, ...], place: Path, variables: Mapping[str, str], attend: Attend
) -> tuple[int, list[str]]:
    """Run ``argv`` with the Python of the evaluator's program; return exit code and last lines of output.

    It runs in the folder ``place``, where its ``log`` is, and ends with everything that it started when this does.
    """
    python = context.program or Interpreter(sys.executable)
    # whoever looks for settings in the folders above finds none
    (place / ".env").touch()
    log = place / "log"
    group = SpawnedGroup((python.path, *argv), log, python.variables | dict(variables), place)

    def over() -> bool:
        context.stop_if_cancelled()
        return group.poll() is not None

    try:
        attend(over)
        code = group.poll()
    finally:
        group.stop(GRACE_SECONDS)
    lines = log.read_bytes()[-TAIL_BYTES:].decode(errors="replace").replace("\r", "\n").splitlines()
    return code or 0, [line.strip() for line in lines if line.strip()]


def homes(place: Path) -> dict[str, str]:
    """Return variables that keep a program's own files in a folder; models and data caches stay shared."""
    home = str(place / "home")
    caches = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    models = {"HF_HOME": os.environ.get("HF_HOME") or str(caches / "huggingface")}
    return dict.fromkeys(("XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"), home) | models
