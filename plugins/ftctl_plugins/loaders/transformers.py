"""``transformers``: answers in this process."""

from ftctl.domain.artifact import Artifact
from ftctl.plugin import options
from ftctl.ports import Target, TargetLoader


@options
class TransformersLoaderOptions:
    """Options of `TransformersLoader`."""


class TransformersLoader(TargetLoader):
    """Whole models, adapters on their base, and bitsandbytes models; as they are stored."""

    def __init__(self, options: TransformersLoaderOptions) -> None:
        self._options = options

    def load(self, model: Artifact) -> Target:
        from ftctl_adapters.modeling.load import load_whole
        from ftctl_adapters.modeling.target import LoadedTarget
        from ftctl_adapters.modeling.tokenizer import ChatTokenizer

        return LoadedTarget(load_whole(model), ChatTokenizer.of(model))
