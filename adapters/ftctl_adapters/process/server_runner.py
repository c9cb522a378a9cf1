"""Start servers on loopback and wait until they answer."""

import http.client
import secrets
import socket
import time
from pathlib import Path

from ftctl.domain.interpreter import Interpreter
from ftctl.domain.launch import Address, LaunchSpec
from ftctl.errors import PortBusy, ServerDied, ServerNotReady
from ftctl.ports.server_runner import RunningServer, ServerRunner
from ftctl_adapters.process.group import ProcessGroup
from ftctl_adapters.process.port_owner import is_foreign
from ftctl_adapters.process.starter import Fork, ProcessStarter

POLL_SECONDS = 0.1
GRACE_SECONDS = 10.0
LONGER = 3
"""Times the timeout that expired: what is advised next."""
MARK = "FTCTL_SERVER"
"""Variable by which processes of a server are known that have left its session."""


class LocalServer(RunningServer):
    """A server process group with its log."""

    def __init__(self, group: ProcessGroup, log: Path, mark: str) -> None:
        self._group, self._log, self._mark = group, log, mark

    def check(self) -> None:
        code = self._group.poll()
        if code is not None:
            raise ServerDied(
                f"the server ended with code {code}", next_step=f"see {self._log}", details=_tail(self._log)
            )

    def stop(self) -> None:
        self._group.stop(GRACE_SECONDS)

    def refuse_foreign(self, port: int) -> None:
        """Raise `PortBusy` if another program listens on the port, and not this server."""
        if is_foreign(port, self._group.pid, self._mark):
            remedy = "stop it, or let a port be picked: --set server.port=0"
            raise PortBusy(f"another program answers at port {port} on 127.0.0.1", next_step=remedy)


class LocalServerRunner(ServerRunner):
    """Runner of servers as guarded process groups."""

    def __init__(self, starter: ProcessStarter | None = None) -> None:
        self._starter = starter or ProcessStarter(warm=False)

    def address(self, port: int) -> Address:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError as error:
                remedy = "stop it, or let one be picked: --set server.port=0"
                raise PortBusy(f"port {port} on 127.0.0.1 is in use: {error.strerror}", next_step=remedy) from error
            return Address("127.0.0.1", probe.getsockname()[1])

    def start(self, spec: LaunchSpec, address: Address, log: Path) -> RunningServer:
        log.parent.mkdir(parents=True, exist_ok=True)
        if log.exists():
            log.replace(log.with_suffix(".previous.log"))
        fork = Fork.WAIT if spec.forked else Fork.NEVER
        nonce = secrets.token_hex(16)
        variables = {**spec.env, MARK: nonce}
        group = self._starter.start(Interpreter(spec.argv[0]), spec.argv, log, variables, fork=fork)
        server = LocalServer(group, log, f"{MARK}={nonce}")
        try:
            self._wait(server, spec, address, log)
        except BaseException:
            server.stop()
            raise
        return server

    def _wait(self, server: LocalServer, spec: LaunchSpec, address: Address, log: Path) -> None:
        deadline = time.monotonic() + spec.start_timeout
        while not _healthy(address, spec.health_path):
            server.check()
            if time.monotonic() > deadline:
                longer = spec.start_timeout * LONGER
                raise ServerNotReady(
                    f"the server was not ready after {spec.start_timeout:g} s and was stopped",
                    next_step=f"see {log}, or give it longer: --set server.start_timeout={longer:g}",
                    details=_tail(log),
                )
            time.sleep(POLL_SECONDS)
        server.check()
        server.refuse_foreign(address.port)


def _healthy(address: Address, path: str) -> bool:
    connection = http.client.HTTPConnection(address.host, address.port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _tail(log: Path, lines: int = 20) -> tuple[str, ...]:
    text = log.read_bytes()[-16384:].decode(errors="replace") if log.exists() else ""
    return tuple(text.splitlines()[-lines:])
