"""``onnx``: ftctl's small server over onnxruntime-genai."""

from ftctl.domain.artifact import Artifact
from ftctl.domain.launch import Address, LaunchSpec
from ftctl.domain.resources import ModelShape
from ftctl.domain.verdict import Verdict
from ftctl.plugin import option, options
from ftctl.ports import Server

PROGRAM = ("-m", "ftctl_adapters.serving.onnx")


@options
class OnnxServerOptions:
    """Options of `OnnxServer`."""

    port: int = option(0, help="Port on 127.0.0.1; 0 picks a free one.", ge=0, le=65_535)
    served_model_name: str = option("model", help="Model name in requests.")
    execution_provider: str = option(
        "cpu", help="Execution provider; only cpu was run.", choices=("cpu", "cuda", "NvTensorRtRtx")
    )
    max_model_len: int | None = option(None, help="Longest context in tokens; null: the model's own.", ge=2)
    max_num_seqs: int = option(4, help="Requests in one batch.", ge=1)
    max_waiting: int = option(64, help="Further requests that may wait; the next is answered with 429.", ge=0)
    start_timeout: float = option(300.0, help="Seconds it may take to become ready.", gt=0)


class OnnxServer(Server):
    """Serves ONNX models; template, stop tokens and context length come from the artifact."""

    def __init__(self, options: OnnxServerOptions) -> None:
        self._options = options

    def supports(self, shape: ModelShape) -> Verdict:
        return Verdict()

    def launch(self, model: Artifact, address: Address, python: str) -> LaunchSpec:
        given = self._options
        arguments = {
            "--model": model.path,
            "--host": address.host,
            "--port": address.port,
            "--served-model-name": given.served_model_name,
            "--execution-provider": given.execution_provider,
            "--max-model-len": given.max_model_len,
            "--max-num-seqs": given.max_num_seqs,
            "--max-waiting": given.max_waiting,
        }
        told = [str(part) for pair in arguments.items() if pair[1] is not None for part in pair]
        argv = (python, *PROGRAM, *told)
        return LaunchSpec(argv, given.served_model_name, start_timeout=given.start_timeout)
