"""The environments of this machine: the interpreter of ftctl itself, and those that were built from recipes."""

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from ftctl.ports.environments import Environments
from ftctl_adapters.environments.folder import folder_of

DEFAULT = "default"
ABSENT = """
import importlib.util, json, sys
print(json.dumps([name for name in sys.argv[1:] if importlib.util.find_spec(name) is None]))
"""
ASK_SECONDS = 60


class LocalEnvironments(Environments):
    """Built ones lie in the user's data folder."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace

    def python(self, name: str) -> str | None:
        if name == DEFAULT:
            return sys.executable
        place = folder_of(name)
        return str(place.python) if place.record() else None

    def variables(self, name: str) -> dict[str, str]:
        record = None if name == DEFAULT else folder_of(name).record()
        return dict(record.variables) if record else {}

    def is_interpreter(self, path: str) -> bool:
        return Path(path).is_file() and os.access(path, os.X_OK)

    def missing(self, name: str, modules: tuple[str, ...]) -> tuple[str, ...]:
        if name == DEFAULT:
            return tuple(module for module in modules if find_spec(module) is None)
        python = self.python(name)
        if python is None or not modules:
            return ()
        asked = subprocess.run(
            [python, "-I", "-c", ABSENT, *modules], capture_output=True, text=True, timeout=ASK_SECONDS, check=False
        )
        return tuple(json.loads(asked.stdout)) if asked.returncode == 0 else modules

    def free_bytes(self) -> int:
        place = next(path for path in (self._workspace, *self._workspace.parents) if path.exists())
        return shutil.disk_usage(place).free
