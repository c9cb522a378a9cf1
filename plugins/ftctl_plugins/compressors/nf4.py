"""``nf4``: 4-bit weights in normal-float steps. Dettmers et al., QLoRA, 2023."""

from collections.abc import Sequence

from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.example import Example
from ftctl.domain.format import BNB_NF4
from ftctl.domain.resources import ModelShape
from ftctl.domain.verdict import Verdict
from ftctl.plugin import option, options
from ftctl.ports import Compressor, StageContext


@options
class Nf4Options:
    """Options of `Nf4Compressor`."""

    bnb_4bit_use_double_quant: bool = option(True, help="Quantise the scales too.")
    bnb_4bit_compute_dtype: str = option(
        "bfloat16", help="Dtype of matrix products.", choices=("bfloat16", "float16", "float32")
    )


class Nf4Compressor(Compressor):
    """Quantises the linear layers in blocks of 64 and keeps embeddings and norms; needs no calibration data."""

    def __init__(self, options: Nf4Options) -> None:
        self._options = options

    def supports(self, shape: ModelShape) -> Verdict:
        return Verdict() if shape.linear else Verdict(("the model has no linear layers to quantise",))

    def compress(self, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        from transformers import BitsAndBytesConfig

        from ftctl_adapters.modeling.compressed import compressed_draft
        from ftctl_adapters.modeling.load import pretrained
        from ftctl_adapters.modeling.reached_weights import tell_quantised

        config = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=self._options.bnb_4bit_use_double_quant,
            bnb_4bit_compute_dtype=self._options.bnb_4bit_compute_dtype,
        )
        quantised = pretrained(model.path, quantization_config=config)
        tell_quantised(quantised, context)
        quantised.save_pretrained(context.out, safe_serialization=True)
        return compressed_draft(model, context.out, BNB_NF4, bits=4)
