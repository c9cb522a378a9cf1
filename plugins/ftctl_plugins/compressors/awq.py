"""``awq``: 4-bit weights, the important columns scaled up before they are rounded. Lin et al., AWQ, 2023.

By llm-compressor, whose AWQ asks for an accelerator before it begins: not run, and refused early without a GPU.
"""

from typing import Any

from ftctl.domain.resources import ModelShape
from ftctl.domain.verdict import Verdict
from ftctl.plugin import option, options
from ftctl_adapters.environments.nvidia import lacking_nvidia
from ftctl_adapters.modeling.calibration import CalibrationOptions
from ftctl_adapters.modeling.linear_layers import HEAD
from ftctl_adapters.modeling.oneshot import OneshotCompressor
from ftctl_plugins.compressors.gptq import refused_widths

GROUP = 128
"""Of llm-compressor's schemes for AWQ."""


@options
class AwqOptions(CalibrationOptions):
    """Options of `AwqCompressor`."""

    scheme: str = option("W4A16_ASYM", help="With or without a zero point.", choices=("W4A16_ASYM", "W4A16"))


class AwqCompressor(OneshotCompressor[AwqOptions]):
    """Groups of 128 weights share a scale; activations stay in 16 bits."""

    def supports(self, shape: ModelShape) -> Verdict:
        return Verdict((*lacking_nvidia(), *refused_widths(shape, (GROUP,)).reasons))

    def modifier(self, widths: set[int]) -> tuple[Any, dict[str, Any]]:
        from llmcompressor.modifiers.quantization import QuantizationModifier
        from llmcompressor.modifiers.transform.awq import AWQModifier

        rounding = QuantizationModifier(ignore=[HEAD], scheme=self.options.scheme, targets=["Linear"])
        return [AWQModifier(duo_scaling="both"), rounding], {"bits": 4, "group_size": GROUP}
