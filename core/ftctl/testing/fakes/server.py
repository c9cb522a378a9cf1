"""A server over the stand-in of this package: started for real, it repeats what it is told."""

from ftctl.domain.artifact import Artifact
from ftctl.domain.launch import Address, LaunchSpec
from ftctl.domain.resources import ModelShape
from ftctl.domain.verdict import Verdict
from ftctl.plugin import option, options
from ftctl.ports.server import Server


@options
class FakeServerOptions:
    """Options of `FakeServer`."""

    port: int = option(0, help="Port on 127.0.0.1; 0 picks a free one.", ge=0, le=65_535)


class FakeServer(Server):
    """Launches `ftctl.testing.standin`."""

    def __init__(self, options: FakeServerOptions) -> None:
        self._options = options

    def supports(self, shape: ModelShape) -> Verdict:
        return Verdict()

    def launch(self, model: Artifact, address: Address, python: str) -> LaunchSpec:
        place = ("--host", address.host, "--port", str(address.port), "--model", model.digest, "--folder", model.path)
        return LaunchSpec((python, "-m", "ftctl.testing.standin", *place), served_name=model.digest)
