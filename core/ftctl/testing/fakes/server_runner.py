"""Server runner that starts no process."""

from pathlib import Path

from attrs import define, field

from ftctl.domain.launch import Address, LaunchSpec
from ftctl.errors import PortBusy, ServerDied
from ftctl.ports.server_runner import RunningServer, ServerRunner


@define
class FakeRunningServer(RunningServer):
    """A server that lives until it is stopped or a test kills it."""

    alive: bool = True
    stopped: int = 0

    def check(self) -> None:
        if not self.alive:
            raise ServerDied("the fake server is dead")

    def stop(self) -> None:
        self.alive = False
        self.stopped += 1


@define
class FakeServerRunner(ServerRunner):
    """``busy`` are taken ports; ``started`` is what was started, with its spec; ``dies`` makes every start fail."""

    busy: set[int] = field(factory=set)
    started: list[tuple[LaunchSpec, FakeRunningServer]] = field(factory=list)
    dies: bool = False

    def address(self, port: int) -> Address:
        if port in self.busy:
            raise PortBusy(f"port {port} is in use")
        return Address(port=port or 4242)

    def start(self, spec: LaunchSpec, address: Address, log: Path) -> RunningServer:
        if self.dies:
            raise ServerDied("the fake server died while starting")
        running = FakeRunningServer()
        self.started.append((spec, running))
        return running
