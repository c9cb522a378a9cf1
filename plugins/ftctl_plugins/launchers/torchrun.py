"""``torchrun``: torch's elastic launcher, on one machine or several.

What is left out is taken from the variables that torchrun, accelerate and the schedulers use.
"""

import json
import os
from pathlib import Path
from typing import Any

from ftctl.errors import ConfigInvalid
from ftctl.plugin import option, options
from ftctl.ports.launcher import Launcher

PORT = 29500


@options
class TorchrunOptions:
    """Options of `TorchrunLauncher`."""

    nproc_per_node: int | None = option(
        None, help="Processes on this machine; null: NPROC_PER_NODE, else one a GPU, else 1.", ge=1
    )
    nnodes: int | None = option(None, help="Machines; null: NNODES, else 1.", ge=1)
    node_rank: int | None = option(None, help="Number of this machine, from 0; null: NODE_RANK, else 0.", ge=0)
    master_addr: str | None = option(None, help="Address of machine 0; null: MASTER_ADDR.")
    master_port: int | None = option(None, help="Port on machine 0; null: MASTER_PORT, else 29500.", ge=1, le=65535)


class TorchrunLauncher(Launcher):
    """Launches ranks by torchrun; machine 0 keeps the result, the others only help."""

    def __init__(self, options: TorchrunOptions) -> None:
        self.options = options

    def command(self, python: str, job: Path) -> tuple[str, ...]:
        return (python, "-m", "ftctl_adapters.launching.torchrun", str(job), json.dumps(self.settings()))

    def helping(self) -> bool:
        return int(self.settings()["node_rank"]) > 0

    def settings(self) -> dict[str, Any]:
        """Return the options, completed from the environment.

        Raises:
            ConfigInvalid: they do not fit each other.
        """
        given, nodes = self.options, self._number("nnodes", "NNODES", 1)
        settings = {
            "nproc_per_node": self._number("nproc_per_node", "NPROC_PER_NODE", None),
            "nnodes": nodes,
            "node_rank": self._number("node_rank", "NODE_RANK", 0),
            "master_addr": given.master_addr or os.environ.get("MASTER_ADDR"),
            "master_port": self._number("master_port", "MASTER_PORT", PORT),
        }
        if nodes == 1:
            return settings | {"node_rank": 0}
        if not settings["master_addr"]:
            raise ConfigInvalid("tuner.master_addr: missing; with several machines it is the address of machine 0")
        if settings["node_rank"] >= nodes:
            raise ConfigInvalid(f"tuner.node_rank: must be less than nnodes, {nodes}, not {settings['node_rank']}")
        return settings

    def _number(self, name: str, variable: str, otherwise: int | None) -> Any:
        given = getattr(self.options, name)
        if given is not None or not os.environ.get(variable):
            return otherwise if given is None else given
        try:
            return int(os.environ[variable])
        except ValueError as error:
            raise ConfigInvalid(f"{variable} must be a whole number, not {os.environ[variable]!r}") from error
