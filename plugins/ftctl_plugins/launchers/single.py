"""``single``: one process."""

from pathlib import Path

from ftctl.plugin import options
from ftctl.ports.launcher import Launcher


@options
class SingleOptions:
    """Options of `SingleLauncher`."""


class SingleLauncher(Launcher):
    """Runs the worker itself."""

    def __init__(self, options: SingleOptions) -> None:
        self.options = options

    def command(self, python: str, job: Path) -> tuple[str, ...]:
        return (python, "-m", "ftctl.worker", str(job))
