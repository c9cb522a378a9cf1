"""``ray``: run ranks on an existing Ray cluster, by Ray Train's TorchTrainer."""

import json
from pathlib import Path

from ftctl.plugin import option, options
from ftctl.ports.launcher import Launcher


@options
class RayOptions:
    """Options of `RayLauncher`."""

    address: str = option(help="Address of the cluster, host:port.")
    num_workers: int = option(2, help="Processes over the whole cluster.", ge=1)
    cpus_per_worker: int = option(1, help="Cores a process.", ge=1)
    use_gpu: bool = option(False, help="Reserve a GPU for each process.")


class RayLauncher(Launcher):
    """Launches ranks on Ray; the job's folder must be on a file system that every machine sees."""

    def __init__(self, options: RayOptions) -> None:
        self.options = options

    def command(self, python: str, job: Path) -> tuple[str, ...]:
        settings = {name: getattr(self.options, name) for name in RayOptions.__annotations__}
        return (python, "-m", "ftctl_adapters.launching.ray", str(job), json.dumps(settings))
