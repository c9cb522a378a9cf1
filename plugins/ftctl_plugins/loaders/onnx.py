"""``onnx``: load ONNX models with onnxruntime-genai, on the CPU."""

from ftctl.domain.artifact import Artifact
from ftctl.plugin import options
from ftctl.ports import Target, TargetLoader


@options
class OnnxLoaderOptions:
    """Options of `OnnxLoader`."""


class OnnxLoader(TargetLoader):
    """Loads graphs in the format of onnxruntime-genai."""

    def __init__(self, options: OnnxLoaderOptions) -> None:
        self._options = options

    def load(self, model: Artifact) -> Target:
        from ftctl_adapters.modeling.onnx import OnnxTarget

        return OnnxTarget(model.path)
