"""``int8``: 8-bit weights. Dettmers et al., LLM.int8(): 8-bit Matrix Multiplication for Transformers at Scale, 2022."""

from collections.abc import Sequence

from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.example import Example
from ftctl.domain.format import BNB_INT8
from ftctl.domain.resources import ModelShape
from ftctl.domain.verdict import Verdict
from ftctl.plugin import option, options
from ftctl.ports import Compressor, StageContext


@options
class Int8Options:
    """Options of `Int8Compressor`."""

    threshold: float = option(6.0, help="Columns with values beyond this stay in 16 bits (LLM.int8 outliers).", ge=0)


class Int8Compressor(Compressor):
    """Quantises the linear layers and keeps embeddings and norms; needs no calibration data."""

    def __init__(self, options: Int8Options) -> None:
        self._options = options

    def supports(self, shape: ModelShape) -> Verdict:
        return Verdict() if shape.linear else Verdict(("the model has no linear layers to quantise",))

    def compress(self, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        from transformers import BitsAndBytesConfig

        from ftctl_adapters.modeling.compressed import compressed_draft
        from ftctl_adapters.modeling.load import pretrained
        from ftctl_adapters.modeling.reached_weights import tell_quantised

        config = BitsAndBytesConfig(load_in_8bit=True, llm_int8_threshold=self._options.threshold)
        quantised = pretrained(model.path, quantization_config=config)
        tell_quantised(quantised, context)
        quantised.save_pretrained(context.out, safe_serialization=True)
        return compressed_draft(model, context.out, BNB_INT8)
