"""Port: launchers start the processes of a training job."""

from abc import ABC, abstractmethod
from pathlib import Path

from ftctl.errors import BackendError


class LauncherError(BackendError):
    """The launcher could not do its work."""

    code = "launcher"


class Launcher(ABC):
    """Launcher; constructed with its options alone, its module imports no heavy package.

    Every process that it starts runs ``ftctl.worker`` on the same job folder, with ``RANK``, ``LOCAL_RANK`` and
    ``WORLD_SIZE`` in its environment where there are several. Each leaves ``error-RANK.json`` when it fails; the
    launcher makes the first one ``error.json``.
    """

    @abstractmethod
    def command(self, python: str, job: Path) -> tuple[str, ...]:
        """Return the command that runs the job and ends when all its processes have ended.

        Args:
            python: interpreter of the backend's environment.
            job: the job's folder.
        """

    def helping(self) -> bool:
        """Return True if the processes started here only help a run whose result another machine keeps."""
        return False
