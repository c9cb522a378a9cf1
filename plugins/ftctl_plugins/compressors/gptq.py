"""``gptq``: weights rounded one column at a time, the error moved to the next. Frantar et al., GPTQ, 2022.

By llm-compressor, which vLLM's authors keep: GPTQ's first home, auto-gptq, is archived, does not import with today's
transformers, and quantises on CUDA devices only.
"""

from collections.abc import Sequence
from typing import Any

from ftctl.domain.resources import ModelShape
from ftctl.domain.verdict import Verdict
from ftctl.plugin import option, options
from ftctl_adapters.modeling.calibration import CalibrationOptions
from ftctl_adapters.modeling.linear_layers import HEAD
from ftctl_adapters.modeling.oneshot import OneshotCompressor

GROUPS = (128, 64, 32)
"""Sizes that servers have kernels for, the usual one first."""


@options
class GptqOptions(CalibrationOptions):
    """Options of `GptqCompressor`."""

    bits: int = option(4, help="Bits a weight. vLLM's CPU build serves 4.", choices=(4, 8))
    group_size: int | None = option(
        None, help="Weights that share a scale; null: 128, or the largest of 64 and 32 that divides every layer.", ge=1
    )
    actorder: str | None = option(
        "static",
        help="Quantise columns by decreasing activation size (act-order); static keeps groups together.",
        choices=("static", "group", None),
    )
    dampening_frac: float = option(0.01, help="Added to the Hessian's diagonal, as a share of its mean.", gt=0, lt=1)


class GptqCompressor(OneshotCompressor[GptqOptions]):
    """Groups of weights share a scale; activations stay in 16 bits."""

    def supports(self, shape: ModelShape) -> Verdict:
        return refused_widths(shape, self._wanted())

    def modifier(self, widths: set[int]) -> tuple[Any, dict[str, Any]]:
        from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
        from llmcompressor.modifiers.quantization import GPTQModifier

        given, size = self.options, group_size(widths, self._wanted())
        weights = QuantizationArgs(
            num_bits=given.bits,
            type="int",
            symmetric=True,
            strategy="group",
            group_size=size,
            actorder=given.actorder,
        )
        groups = {"group_0": QuantizationScheme(targets=["Linear"], weights=weights)}
        made = GPTQModifier(ignore=[HEAD], config_groups=groups, dampening_frac=given.dampening_frac)
        return made, {"bits": given.bits, "group_size": size}

    def _wanted(self) -> tuple[int, ...]:
        return (self.options.group_size,) if self.options.group_size else GROUPS


def refused_widths(shape: ModelShape, wanted: Sequence[int]) -> Verdict:
    """Refuse a model without layers, or whose widths no group size divides."""
    if not shape.linear:
        return Verdict(("the model has no linear layers to quantise",))
    widths = {columns for _, columns in shape.linear.values()}
    if group_size(widths, wanted):
        return Verdict()
    sizes = ", ".join(map(str, sorted(widths)))
    return Verdict((f"no group size of {', '.join(map(str, wanted))} divides layers of {sizes} columns",))


def group_size(widths: set[int], wanted: Sequence[int]) -> int | None:
    """The first of the sizes that divides every layer's columns."""
    return next((size for size in wanted if all(width % size == 0 for width in widths)), None)
