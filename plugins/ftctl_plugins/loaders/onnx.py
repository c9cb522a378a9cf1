"""``onnx``: answers in this process, by ONNX Runtime on the CPU."""

from ftctl.domain.artifact import Artifact
from ftctl.plugin import options
from ftctl.ports import Target, TargetLoader


@options
class OnnxLoaderOptions:
    """Options of `OnnxLoader`."""


class OnnxLoader(TargetLoader):
    """Graphs in the format of onnxruntime-genai."""

    def __init__(self, options: OnnxLoaderOptions) -> None:
        self._options = options

    def load(self, model: Artifact) -> Target:
        from ftctl_adapters.modeling.onnx import OnnxTarget

        return OnnxTarget(model.path)
