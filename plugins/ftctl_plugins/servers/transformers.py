"""``transformers``: the server that comes with transformers."""

from pathlib import Path

from ftctl.domain.artifact import Artifact
from ftctl.domain.launch import Address, LaunchSpec
from ftctl.domain.resources import ModelShape
from ftctl.domain.verdict import Verdict
from ftctl.plugin import option, options
from ftctl.ports import Server


@options
class TransformersServerOptions:
    """Options of `TransformersServer`."""

    port: int = option(0, help="Port on 127.0.0.1; 0 picks a free one.", ge=0, le=65_535)
    served_model_name: str = option("model", help="Model name in requests.")
    device: str = option("auto", help="Device: auto, cpu, cuda:0 …")
    start_timeout: float = option(300.0, help="Seconds it may take to become ready.", gt=0)


class TransformersServer(Server):
    """Serves models with transformers."""

    def __init__(self, options: TransformersServerOptions) -> None:
        self._options = options

    def supports(self, shape: ModelShape) -> Verdict:
        return Verdict()

    def launch(self, model: Artifact, address: Address, python: str) -> LaunchSpec:
        # any folder that is there: no model of the hub's cache is to be listed
        cache = str(Path(model.path).parent)
        name = self._options.served_model_name
        program = (python, "-m", "ftctl_adapters.serving.transformers_serve", cache, name, model.path)
        place = ("--host", address.host, "--port", str(address.port), "--device", self._options.device)
        return LaunchSpec(
            argv=(*program, *place),
            served_name=name,
            env={"HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": cache},
            start_timeout=self._options.start_timeout,
            forked=True,
        )
