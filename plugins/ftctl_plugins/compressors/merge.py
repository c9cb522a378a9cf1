"""``merge``: merge an adapter into its base, for everything that loads whole models."""

from collections.abc import Sequence
from pathlib import Path

from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.codec import to_plain
from ftctl.domain.example import Example
from ftctl.domain.format import HF
from ftctl.domain.resources import ModelShape
from ftctl.domain.verdict import Verdict
from ftctl.plugin import options
from ftctl.ports import Compressor, StageContext


@options
class MergeOptions:
    """Options of `MergeCompressor`."""


class MergeCompressor(Compressor):
    """Adds the update to the weights in float32, then stores them in the base's own dtype; the logits are compared."""

    def __init__(self, options: MergeOptions) -> None:
        self._options = options

    def supports(self, shape: ModelShape) -> Verdict:
        return Verdict()

    def compress(self, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        from ftctl_adapters.modeling.auxiliary_files import take_along
        from ftctl_adapters.modeling.merge import merge_adapter

        check = merge_adapter(model, context.out, calibration)
        take_along(Path(model.path), context.out)
        facts = {key: value for key, value in model.facts.items() if key not in ("training", "base")}
        return Draft("model", HF, facts | {"merge": to_plain(check)})
