"""What this interpreter has; the private environments of other backends are to come beside it."""

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

from ftctl.ports.environments import Environments


class LocalEnvironments(Environments):
    """``default`` is the interpreter that ftctl runs in."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace

    def python(self, name: str) -> str | None:
        return sys.executable if name == "default" else None

    def is_interpreter(self, path: str) -> bool:
        return Path(path).is_file() and os.access(path, os.X_OK)

    def missing(self, name: str, modules: tuple[str, ...]) -> tuple[str, ...]:
        if name != "default":
            return ()
        return tuple(module for module in modules if find_spec(module) is None)

    def free_bytes(self) -> int:
        place = next(path for path in (self._workspace, *self._workspace.parents) if path.exists())
        return shutil.disk_usage(place).free
