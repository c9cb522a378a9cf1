"""Environments of this machine: ftctl's interpreter, and those built from recipes."""

import os
import shutil
import sys
from importlib.machinery import PathFinder
from importlib.util import find_spec
from pathlib import Path

from ftctl.domain.interpreter import Interpreter
from ftctl.errors import FtctlError, UsageError
from ftctl.ports.environments import Environments
from ftctl_adapters.environments.build import Builder
from ftctl_adapters.environments.environment_folder import EnvironmentFolder, folder_of
from ftctl_adapters.environments.recipe import read_recipe
from ftctl_adapters.environments.wheel import fingerprint

DEFAULT = "default"


def _variables(place: EnvironmentFolder) -> dict[str, str]:
    """Return the variables that activating it would set: its programs first, no foreign modules."""
    programs = f"{place.python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return {"PATH": programs, "VIRTUAL_ENV": str(place.python.parent.parent), "PYTHONPATH": ""}


class LocalEnvironments(Environments):
    """Environments in the user's data folder."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace

    def find(self, name: str) -> Interpreter | None:
        if name == DEFAULT:
            return Interpreter(sys.executable)
        place = folder_of(name)
        record = place.record()
        return Interpreter(str(place.python), _variables(place) | record.variables) if record else None

    def enter(self, name: str) -> Interpreter:
        place, found = folder_of(name), self.find(name)
        if found is None:
            raise UsageError(f"environment {name!r} does not exist", next_step=f"run: ftctl env create {name}")
        record = place.record() if name != DEFAULT else None
        if record and record.ftctl != fingerprint():
            Builder().renew(place)
        return found

    def is_interpreter(self, path: str) -> bool:
        return Path(path).is_file() and os.access(path, os.X_OK)

    def missing(self, name: str, modules: tuple[str, ...]) -> tuple[str, ...]:
        if name == DEFAULT:
            return tuple(module for module in modules if find_spec(_top(module)) is None)
        if self.find(name) is None:
            return ()
        # looked up in its folder: asking its interpreter would take a twentieth of a second for each environment
        packages = [str(path) for path in folder_of(name).path.glob("venv/lib/python*/site-packages")]
        return tuple(module for module in modules if PathFinder.find_spec(_top(module), packages) is None)

    def unbuildable(self, name: str, recipe: str) -> str:
        if name == DEFAULT or self.find(name) is not None:
            return ""
        try:
            read_recipe(name, {name: recipe})
        except UsageError as error:
            return error.what.replace(f"the environment {name!r}", "its recipe")
        except FtctlError:
            return ""  # a recipe that cannot be read is told when it is built
        return ""

    def free_bytes(self) -> int:
        place = next(path for path in (self._workspace, *self._workspace.parents) if path.exists())
        return shutil.disk_usage(place).free


def _top(module: str) -> str:
    """Return the top-level package, which can be found without importing it."""
    return module.partition(".")[0]
