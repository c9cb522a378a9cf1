"""Starts a server for an artifact and keeps an eye on it."""

from pathlib import Path

from attrs import define, evolve

from ftctl.application.app import App
from ftctl.application.plan import ask
from ftctl.application.spec import Backend
from ftctl.domain.artifact import Artifact
from ftctl.domain.interpreter import Interpreter
from ftctl.domain.launch import Endpoint, LaunchSpec
from ftctl.errors import Interrupted, SignalArrived
from ftctl.ports.clock import Clock
from ftctl.ports.server_runner import RunningServer

WATCH_SECONDS = 0.5


@define
class Served:
    """A server that is ready."""

    endpoint: Endpoint
    running: RunningServer
    clock: Clock

    def wait(self) -> None:
        """Serves until a signal comes.

        Raises:
            ServerDied: it went away by itself.
            Interrupted: a signal came.
        """
        try:
            while True:
                self.running.check()
                self.clock.sleep(WATCH_SECONDS)
        except SignalArrived as arrived:
            text = f"server stopped by {arrived.name}; the run is finished"
            step = "the same command serves again"
            raise Interrupted(text, signal_number=arrived.number, next_step=step) from None

    def stop(self) -> None:
        self.running.stop()


def serve(app: App, backend: Backend, model: Artifact, python: Interpreter, log: Path) -> Served:
    """The artifact behind an endpoint on loopback, ready for requests.

    Raises:
        PortBusy: somebody listens on the port asked for.
        ServerDied: the server ended while starting.
        ServerNotReady: it did not become ready in time.
    """
    address = app.servers.address(int(backend.options.get("port", 0)))
    spec: LaunchSpec = ask(backend, "launch", model, address, python.path)
    spec = evolve(spec, env=python.variables | spec.env)
    running = app.servers.start(spec, address, log)
    return Served(Endpoint(address.url + "/v1", spec.served_name), running, app.clock)
