"""``w8a8``: products of 8-bit weights and 8-bit activations, by llm-compressor.

Weights have a scale a row and are rounded by GPTQ; activations get a scale for each token while the model runs. After
Xiao et al., SmoothQuant, 2022, whose smoothing is not used.
"""

from typing import Any

from ftctl.domain.resources import ModelShape
from ftctl.domain.verdict import Verdict
from ftctl.plugin import option, options
from ftctl_adapters.modeling.calibration import CalibrationOptions
from ftctl_adapters.modeling.linear_layers import HEAD
from ftctl_adapters.modeling.oneshot import OneshotCompressor


@options
class W8a8Options(CalibrationOptions):
    """Options of `W8a8Compressor`."""

    dampening_frac: float = option(0.01, help="Added to the Hessian's diagonal, as a share of its mean.", gt=0, lt=1)


class W8a8Compressor(OneshotCompressor[W8a8Options]):
    """8-bit weights and activations, for servers with 8-bit products; elsewhere only weights are smaller."""

    def supports(self, shape: ModelShape) -> Verdict:
        return Verdict() if shape.linear else Verdict(("the model has no linear layers to quantise",))

    def modifier(self, widths: set[int]) -> tuple[Any, dict[str, Any]]:
        from llmcompressor.modifiers.quantization import GPTQModifier

        scheme = {"targets": "Linear", "scheme": "W8A8", "ignore": [HEAD]}
        return GPTQModifier(**scheme, dampening_frac=self.options.dampening_frac), {"bits": 8, "activation_bits": 8}
