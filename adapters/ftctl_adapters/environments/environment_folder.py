"""Folder of an environment, and the record that makes it usable."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from attrs import asdict, field, frozen

from ftctl.domain.names import is_name
from ftctl.errors import UsageError
from ftctl.whole_file import write_whole

RECORD, BEGUN, FILLED = "environment.json", "begun", "filled"


@frozen
class Record:
    """Contents of an environment: exact versions of all packages, digest of the recipe, and of ftctl itself."""

    recipe: str
    variant: str
    ftctl: str
    variables: dict[str, str] = field(factory=dict)
    packages: dict[str, str] = field(factory=dict)
    seconds: float = 0.0


@frozen
class EnvironmentFolder:
    """Folder of a virtual environment, usable while its record is there; the record is written last."""

    path: Path

    @property
    def name(self) -> str:
        """Name of the environment."""
        return self.path.name

    @property
    def python(self) -> Path:
        """Path of its interpreter."""
        return self.path / "venv" / "bin" / "python"

    @property
    def log(self) -> Path:
        """Path of the build log."""
        return self.path / "build.log"

    def record(self) -> Record | None:
        """Return the record; ``None`` if the environment is missing, incomplete, or from another version."""
        try:
            found: dict[str, Any] = json.loads((self.path / RECORD).read_text(encoding="utf-8"))
            return Record(**found) if self.python.exists() else None
        except (OSError, ValueError, TypeError):
            return None

    def commit(self, record: Record) -> None:
        """Write the record atomically."""
        write_whole(self.path / RECORD, json.dumps(asdict(record), indent=1, sort_keys=True))

    def reached(self, step: str, recipe: str) -> bool:
        """Return True if a build from the recipe with this digest has finished the step.

        ``BEGUN``: the virtual environment is made. ``FILLED``: the packages are in it.
        """
        try:
            return (self.path / step).read_text(encoding="utf-8") == recipe
        except OSError:
            return False

    def note(self, step: str, recipe: str) -> None:
        """Record a finished step, so that an interrupted build continues after it."""
        (self.path / step).write_text(recipe, encoding="utf-8")

    def retract(self) -> None:
        """Remove the record, so that the environment is unusable until committed again."""
        (self.path / RECORD).unlink(missing_ok=True)

    def remove(self) -> None:
        """Delete the environment."""
        self.retract()
        shutil.rmtree(self.path, ignore_errors=True)

    def size(self) -> int:
        """Return the bytes on disk, linked files included."""
        return sum(file.lstat().st_size for file in self.path.rglob("*") if file.is_file())


def data_folder() -> Path:
    """Return the folder of this user's environments (XDG base directory specification)."""
    given = os.environ.get("FTCTL_ENVIRONMENTS")
    if given:
        return Path(given).expanduser().absolute()
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser() / "ftctl" / "environments"


def folder_of(name: str) -> EnvironmentFolder:
    """Return the folder of an environment, existing or not.

    Raises:
        UsageError: that is no name.
    """
    if not is_name(name):
        raise UsageError(f"an environment cannot be called {name!r}", next_step="`ftctl env list` shows them")
    return EnvironmentFolder(data_folder() / name)
