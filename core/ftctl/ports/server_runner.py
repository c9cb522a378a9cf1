"""Port: start, watch and stop server processes, for every backend."""

from abc import ABC, abstractmethod
from pathlib import Path

from ftctl.domain.launch import Address, LaunchSpec


class RunningServer(ABC):
    """A server process and its children."""

    @abstractmethod
    def check(self) -> None:
        """Raise `ServerDied` with the end of the log if the process is gone."""

    @abstractmethod
    def stop(self) -> None:
        """Stop the whole process group; may be called twice."""


class ServerRunner(ABC):
    """Runner of servers on loopback."""

    @abstractmethod
    def address(self, port: int) -> Address:
        """Return a free loopback address with this port, or any port for 0.

        Raises:
            PortBusy: somebody listens there.
        """

    @abstractmethod
    def start(self, spec: LaunchSpec, address: Address, log: Path) -> RunningServer:
        """Start the server and wait until it is ready.

        Raises:
            ServerDied: it ended while starting.
            ServerNotReady: it was not ready within ``spec.start_timeout`` and has been stopped.
        """
