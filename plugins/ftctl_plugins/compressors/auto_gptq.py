"""``auto-gptq``: GPTQ by AutoGPTQ, for comparison. Not run: it quantises on CUDA devices only."""

from collections.abc import Sequence
from typing import Any

from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.example import Example
from ftctl.domain.format import GPTQ
from ftctl.domain.resources import ModelShape
from ftctl.domain.verdict import Verdict
from ftctl.plugin import option, options
from ftctl.ports import Compressor, StageContext
from ftctl_adapters.environments.nvidia import lacking_nvidia
from ftctl_adapters.modeling.calibration import CalibrationOptions
from ftctl_plugins.compressors.gptq import refused_widths


@options
class AutoGptqOptions(CalibrationOptions):
    """Options of `AutoGptqCompressor`."""

    bits: int = option(4, help="Bits a weight.", choices=(2, 3, 4, 8))
    group_size: int = option(128, help="Weights that share a scale.", ge=1)
    desc_act: bool = option(False, help="Quantise columns by decreasing activation size (act-order).")


class AutoGptqCompressor(Compressor):
    """Archived by its authors, who name GPTQModel as its successor; it imports with libraries of its time alone."""

    def __init__(self, options: AutoGptqOptions) -> None:
        self._options = options

    def supports(self, shape: ModelShape) -> Verdict:
        return Verdict((*lacking_nvidia(), *refused_widths(shape, (self._options.group_size,)).reasons))

    def compress(self, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        import torch
        from auto_gptq import AutoGPTQForCausalLM, BaseQuantizeConfig

        from ftctl_adapters.modeling.calibration import token_rows
        from ftctl_adapters.modeling.compressed import compressed_draft
        from ftctl_adapters.modeling.tokenizer import ChatTokenizer

        given = self._options
        wanted = calibration[: given.num_calibration_samples]
        rows = token_rows(wanted, ChatTokenizer.of(model), given.max_seq_length)
        settings = BaseQuantizeConfig(bits=given.bits, group_size=given.group_size, desc_act=given.desc_act)
        loaded: Any = AutoGPTQForCausalLM.from_pretrained(model.path, settings)
        loaded.quantize([{"input_ids": torch.tensor([r]), "attention_mask": torch.ones(1, len(r))} for r in rows])
        loaded.save_quantized(str(context.out), use_safetensors=True)
        return compressed_draft(model, context.out, GPTQ, bits=given.bits, calibration_rows=len(rows))
