"""Runner of server processes: starts, watches and stops them, for every backend."""

from abc import ABC, abstractmethod
from pathlib import Path

from ftctl.domain.launch import Address, LaunchSpec


class RunningServer(ABC):
    """A server process with everything it started."""

    @abstractmethod
    def check(self) -> None:
        """Raises `ServerDied` with the end of the log when the process is gone."""

    @abstractmethod
    def stop(self) -> None:
        """Ends the whole process group; calling it twice is fine."""


class ServerRunner(ABC):
    """Starts servers on loopback."""

    @abstractmethod
    def address(self, port: int) -> Address:
        """A free loopback address: this port, or any when it is 0.

        Raises:
            PortBusy: somebody listens there.
        """

    @abstractmethod
    def start(self, spec: LaunchSpec, address: Address, log: Path) -> RunningServer:
        """Starts it and waits until it is ready.

        Raises:
            ServerDied: it ended while starting.
            ServerNotReady: it was not ready within ``spec.start_timeout`` and has been stopped.
        """
