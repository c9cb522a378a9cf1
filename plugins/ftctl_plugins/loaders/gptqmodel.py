"""``gptqmodel``: load GPTQ models with GPTQModel, on the CPU."""

from ftctl.domain.artifact import Artifact
from ftctl.plugin import options
from ftctl.ports import Target, TargetLoader


@options
class GptqmodelLoaderOptions:
    """Options of `GptqmodelLoader`."""


class GptqmodelLoader(TargetLoader):
    """Loads GPTQ models; weights stay packed, and every product unpacks them."""

    def __init__(self, options: GptqmodelLoaderOptions) -> None:
        self._options = options

    def load(self, model: Artifact) -> Target:
        from gptqmodel import GPTQModel

        from ftctl_adapters.modeling.target import LoadedTarget
        from ftctl_adapters.modeling.tokenizer import ChatTokenizer

        loaded = GPTQModel.load(model.path, device="cpu", trust_remote_code=False)
        return LoadedTarget(loaded.model.eval(), ChatTokenizer.of(model))
