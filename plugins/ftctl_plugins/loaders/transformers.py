"""``transformers``: load models with transformers and PEFT."""

from ftctl.domain.artifact import Artifact
from ftctl.plugin import options
from ftctl.ports import Target, TargetLoader


@options
class TransformersLoaderOptions:
    """Options of `TransformersLoader`."""


class TransformersLoader(TargetLoader):
    """Loads whole models, adapters on their base, and bitsandbytes models."""

    def __init__(self, options: TransformersLoaderOptions) -> None:
        self._options = options

    def load(self, model: Artifact) -> Target:
        from ftctl_adapters.modeling.load import load_whole
        from ftctl_adapters.modeling.target import LoadedTarget
        from ftctl_adapters.modeling.tokenizer import ChatTokenizer

        return LoadedTarget(load_whole(model), ChatTokenizer.of(model))
