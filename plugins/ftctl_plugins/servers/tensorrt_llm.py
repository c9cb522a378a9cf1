"""``tensorrt-llm``: NVIDIA's server. Not run: no machine with an NVIDIA GPU was at hand."""

from pathlib import Path

from ftctl.domain.artifact import Artifact
from ftctl.domain.launch import Address, LaunchSpec
from ftctl.domain.resources import ModelShape
from ftctl.domain.verdict import Verdict
from ftctl.plugin import option, options
from ftctl.ports import Server
from ftctl_adapters.environments.nvidia import lacking_nvidia

PROGRAM = "trtllm-serve"


@options
class TensorrtLlmServerOptions:
    """Options of `TensorrtLlmServer`."""

    port: int = option(0, help="Port on 127.0.0.1; 0 picks a free one.", ge=0, le=65_535)
    served_model_name: str = option("model", help="Model name in requests.")
    backend: str = option(
        "pytorch", help="Backend that runs the model.", choices=("pytorch", "tensorrt", "_autodeploy")
    )
    tp_size: int = option(1, help="Tensor-parallel size: GPUs that share each layer.", ge=1)
    max_batch_size: int | None = option(None, help="Requests in one batch; null: its own default.", ge=1)
    max_seq_len: int | None = option(None, help="Longest context in tokens; null: the model's own.", ge=1)
    start_timeout: float = option(1200.0, help="Seconds it may take to become ready.", gt=0)


class TensorrtLlmServer(Server):
    """Serves whole models from their folder."""

    def __init__(self, options: TensorrtLlmServerOptions) -> None:
        self._options = options

    def supports(self, shape: ModelShape) -> Verdict:
        reasons = lacking_nvidia()
        if shape.heads % self._options.tp_size:
            reasons.append(f"tp_size must divide the {shape.heads} attention heads, not {self._options.tp_size}")
        return Verdict(tuple(reasons))

    def launch(self, model: Artifact, address: Address, python: str) -> LaunchSpec:
        given = self._options
        arguments = {
            "--host": address.host,
            "--port": address.port,
            "--backend": given.backend,
            "--served_model_name": given.served_model_name,
            "--tp_size": given.tp_size,
            "--max_batch_size": given.max_batch_size,
            "--max_seq_len": given.max_seq_len,
        }
        told = [str(part) for pair in arguments.items() if pair[1] is not None for part in pair]
        argv = (str(Path(python).with_name(PROGRAM)), model.path, *told)
        return LaunchSpec(argv, given.served_model_name, start_timeout=given.start_timeout)
