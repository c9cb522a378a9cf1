"""A launcher that starts nothing, and can be told that it only helps."""

from pathlib import Path

from ftctl.plugin import option, options
from ftctl.ports.launcher import Launcher


@options
class FakeLauncherOptions:
    """Options of `FakeLauncher`."""

    processes: int = option(1, help="Number of processes.", ge=1)
    helps: bool = option(False, help="Pretend that another machine keeps the result.")


class FakeLauncher(Launcher):
    """Starts nothing."""

    def __init__(self, options: FakeLauncherOptions) -> None:
        self.options = options

    def command(self, python: str, job: Path) -> tuple[str, ...]:
        return (python, "-m", "ftctl.worker", str(job))

    def helping(self) -> bool:
        return self.options.helps
