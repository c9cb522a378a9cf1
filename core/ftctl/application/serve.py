"""Start a server for an artifact and watch it."""

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path

from attrs import define, evolve

from ftctl.application.app import App
from ftctl.application.backend_calls import ask
from ftctl.application.spec import Backend
from ftctl.domain.artifact import Artifact
from ftctl.domain.interpreter import Interpreter
from ftctl.domain.launch import Endpoint, LaunchSpec
from ftctl.errors import FtctlError, Interrupted, ServerDied, ServerNotReady, SignalArrived
from ftctl.ports.clock import Clock
from ftctl.ports.server_runner import RunningServer

WATCH_SECONDS = 0.5
LONGEST_PAUSE = 60.0
"""Seconds; pauses before a server is started again double up to here."""

AFTERMATH = 2.0
"""Seconds in which a death shows that cut off an answer."""


@define
class Served:
    """A server that is ready."""

    endpoint: Endpoint
    running: RunningServer
    clock: Clock
    again: Callable[[], RunningServer]

    def wait(self, restarts: int = 0, tell: Callable[[str], None] = lambda text: None) -> None:
        """Serve until a signal; a server that dies is restarted up to ``restarts`` times, after growing pauses.

        Raises:
            ServerDied: it went away by itself once too often.
        """
        tries = 0
        while True:
            try:
                self.running.check()
                self.clock.sleep(WATCH_SECONDS)
            except ServerDied as died:
                tries += 1
                if tries > restarts:
                    raise
                pause = min(2.0 ** (tries - 1), LONGEST_PAUSE)
                last = f" ({died.details[-1]})" if died.details else ""
                tell(f"{died.what}{last}; it is started again in {pause:g} s, {tries} of {restarts}")
                self._restart(pause)

    def _restart(self, pause: float) -> None:
        """Restart; keep the dead server if the new one dies while starting."""
        self.running.stop()
        self.clock.sleep(pause)
        with contextlib.suppress(ServerDied, ServerNotReady):
            self.running = self.again()

    def reason(self, error: FtctlError) -> FtctlError:
        """Return the server's death as the cause of a failed request, if it died."""
        deadline = self.clock.now() + AFTERMATH
        while self.clock.now() < deadline:
            try:
                self.running.check()
            except ServerDied as died:
                return died
            self.clock.sleep(WATCH_SECONDS / 2)
        return error

    def stop(self) -> None:
        """Stop the server."""
        self.running.stop()


@contextlib.contextmanager
def serving() -> Iterator[None]:
    """Tell a signal as the end of a server: from its announcement on, nothing else is left to be stopped.

    Raises:
        Interrupted: a signal came.
    """
    try:
        yield
    except SignalArrived as arrived:
        text = f"server stopped by {arrived.name}"
        step = "the same command serves again"
        raise Interrupted(text, signal_number=arrived.number, next_step=step) from None


def serve(app: App, backend: Backend, model: Artifact, python: Interpreter, log: Path) -> Served:
    """Serve the artifact on loopback; a context manager that yields the ready server.

    Raises:
        PortBusy: somebody listens on the port asked for.
        ServerDied: the server ended while starting.
        ServerNotReady: it did not become ready in time.
    """
    address = app.servers.address(int(backend.options.get("port", 0)))
    spec: LaunchSpec = ask(backend, "launch", model, address, python.path)
    spec = evolve(spec, env=python.variables | spec.env)

    def start() -> RunningServer:
        return app.servers.start(spec, address, log)

    return Served(Endpoint(address.url + "/v1", spec.served_name), start(), app.clock, start)
