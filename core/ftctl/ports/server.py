"""Port: servers answer requests over HTTP."""

from abc import ABC, abstractmethod
from typing import Any

from ftctl.domain.artifact import Artifact
from ftctl.domain.launch import Address, LaunchSpec
from ftctl.domain.resources import ModelShape
from ftctl.domain.verdict import Verdict
from ftctl.errors import BackendError


class ServerError(BackendError):
    """The server backend cannot serve this artifact."""

    code = "server"


class Server(ABC):
    """Server backend: builds the command; starting, watching and stopping are the application's.

    Constructed with its options as only argument; its module imports no heavy package.
    """

    @abstractmethod
    def supports(self, shape: ModelShape) -> Verdict:
        """Return whether it can serve a model of this shape; called while the run is planned."""

    def supports_adapter(self, config: dict[str, Any]) -> Verdict:
        """Return whether it can serve an adapter beside its base; called while the run is planned.

        Args:
            config: what is known of its ``adapter_config.json`` (`Tuner.adapter_config`).
        """
        return Verdict()

    @abstractmethod
    def launch(self, model: Artifact, address: Address, python: str) -> LaunchSpec:
        """Return the command that serves the artifact at the address.

        Args:
            model: the artifact to serve; its limits and stop tokens are read from ``facts``.
            address: a loopback host and a free port.
            python: the interpreter of the environment the backend lives in.
        """
