"""``gptqmodel``: GPTQ by GPTQModel, the successor that auto-gptq's authors name. Frantar et al., GPTQ, 2022."""

from collections.abc import Sequence
from contextlib import chdir
from pathlib import Path
from typing import Any

from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.example import Example
from ftctl.domain.format import GPTQ
from ftctl.domain.resources import ModelShape
from ftctl.domain.verdict import Verdict
from ftctl.plugin import option, options
from ftctl.ports import Compressor, StageContext
from ftctl_adapters.modeling.calibration import CalibrationOptions
from ftctl_plugins.compressors.gptq import GROUPS, group_size, refused_widths


@options
class GptqmodelOptions(CalibrationOptions):
    """Options of `GptqmodelCompressor`."""

    bits: int = option(4, help="Bits a weight. vLLM's CPU build serves 4.", choices=(4, 8))
    group_size: int | None = option(
        None, help="Weights that share a scale; null: 128, or the largest of 64 and 32 that divides every layer.", ge=1
    )
    desc_act: bool = option(False, help="Quantise columns by decreasing activation size (act-order).")
    damp_percent: float = option(0.05, help="Added to the Hessian's diagonal, as a share of its mean.", gt=0, lt=1)


class GptqmodelCompressor(Compressor):
    """The same method as `gptq`, in the format that most published GPTQ models have; slower on a CPU."""

    def __init__(self, options: GptqmodelOptions) -> None:
        self._options = options

    def supports(self, shape: ModelShape) -> Verdict:
        return refused_widths(shape, self._wanted())

    def compress(self, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        from gptqmodel import GPTQModel, QuantizeConfig

        from ftctl_adapters.modeling.calibration import token_rows
        from ftctl_adapters.modeling.compressed import compressed_draft
        from ftctl_adapters.modeling.linear_layers import linear_layers
        from ftctl_adapters.modeling.load import load_base
        from ftctl_adapters.modeling.tokenizer import ChatTokenizer

        given = self._options
        wanted = calibration[: given.num_calibration_samples]
        rows = token_rows(wanted, ChatTokenizer.of(model), given.max_seq_length)
        widths = {layer.in_features for layer in linear_layers(load_base(model.path, None)).values()}
        size = group_size(widths, self._wanted())
        settings = QuantizeConfig(
            bits=given.bits, group_size=size, desc_act=given.desc_act, damp_percent=given.damp_percent
        )
        source, out = Path(model.path).resolve(), context.out.resolve()
        # it writes a folder of logs to wherever it is called
        with chdir(context.work):
            loaded: Any = GPTQModel.load(str(source), settings, trust_remote_code=False)
            loaded.quantize([{"input_ids": row, "attention_mask": [1] * len(row)} for row in rows], batch_size=1)
            loaded.save(str(out))
        (out / "quant_log.csv").unlink(missing_ok=True)
        return compressed_draft(model, context.out, GPTQ, bits=given.bits, group_size=size, calibration_rows=len(rows))

    def _wanted(self) -> tuple[int, ...]:
        return (self._options.group_size,) if self._options.group_size else GROUPS
