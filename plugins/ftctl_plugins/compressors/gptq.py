"""``gptq``: weights rounded one column at a time, the error moved to the next. Frantar et al., GPTQ, 2022.

By llm-compressor, which vLLM's authors keep: GPTQ's first home, auto-gptq, is archived, does not import with today's
transformers, and quantises on CUDA devices only.
"""

from collections.abc import Sequence
from typing import Any

from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.example import Example
from ftctl.domain.format import COMPRESSED_TENSORS
from ftctl.domain.resources import ModelShape
from ftctl.domain.verdict import Verdict
from ftctl.errors import NoUsableRows
from ftctl.plugin import option, options
from ftctl.ports import Compressor, StageContext

GROUPS = (128, 64, 32)
"""Sizes that servers have kernels for, the usual one first."""


@options
class GptqOptions:
    bits: int = option(4, help="Bits a weight. vLLM's CPU build serves 4.", choices=(4, 8))
    group_size: int | None = option(
        None, help="Weights that share a scale; null: 128, or the largest of 64 and 32 that divides every layer.", ge=1
    )
    actorder: str | None = option(
        "static", help="Columns by their importance: static keeps groups together.", choices=("static", "group", None)
    )
    dampening_frac: float = option(0.01, help="Added to the Hessian's diagonal, as a share of its mean.", gt=0, lt=1)
    num_calibration_samples: int = option(256, help="Rows of the train split to calibrate on.", ge=1, le=256)
    max_seq_length: int = option(2048, help="Tokens of each that are used.", ge=1)


class GptqCompressor(Compressor):
    """Quantises every linear layer but the head."""

    def __init__(self, options: GptqOptions) -> None:
        self._options = options

    def supports(self, shape: ModelShape) -> Verdict:
        if not shape.linear:
            return Verdict(("the model has no linear layers to quantise",))
        wanted = (self._options.group_size,) if self._options.group_size else GROUPS
        widths = {columns for _, columns in shape.linear.values()}
        if group_size(widths, wanted):
            return Verdict()
        sizes = ", ".join(map(str, sorted(widths)))
        return Verdict((f"no group size of {', '.join(map(str, wanted))} divides layers of {sizes} columns",))

    def compress(self, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        from llmcompressor import oneshot
        from llmcompressor.modifiers.quantization import GPTQModifier
        from transformers import AutoModelForCausalLM

        from ftctl_adapters.modeling.compressed import compressed_draft
        from ftctl_adapters.modeling.tokenizer import ChatTokenizer

        given = self._options
        rows = _rows(calibration[: given.num_calibration_samples], ChatTokenizer.of(model), given.max_seq_length)
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            model.path, dtype="auto", local_files_only=True, trust_remote_code=False, use_safetensors=True
        )
        size = group_size(_widths(loaded), (given.group_size,) if given.group_size else GROUPS)
        recipe = GPTQModifier(
            ignore=["lm_head"], config_groups={"group_0": self._scheme(size)}, dampening_frac=given.dampening_frac
        )
        oneshot(
            model=loaded,
            dataset=_dataset(rows),
            recipe=recipe,
            max_seq_length=given.max_seq_length,
            num_calibration_samples=len(rows),
        )
        loaded.save_pretrained(context.out, save_compressed=True)
        told = {"bits": given.bits, "group_size": size, "calibration_rows": len(rows)}
        return compressed_draft(model, context.out, COMPRESSED_TENSORS, **told)

    def _scheme(self, size: int | None) -> Any:
        from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme

        weights = QuantizationArgs(
            num_bits=self._options.bits,
            type="int",
            symmetric=True,
            strategy="group",
            group_size=size,
            actorder=self._options.actorder,
        )
        return QuantizationScheme(targets=["Linear"], weights=weights)


def _widths(model: Any) -> set[int]:
    """The columns of every layer that is quantised."""
    from torch.nn import Linear

    layers = (part for name, part in model.named_modules() if isinstance(part, Linear) and "lm_head" not in name)
    return {layer.in_features for layer in layers}


def group_size(widths: set[int], wanted: Sequence[int]) -> int | None:
    """The first of the sizes that divides every layer's columns."""
    return next((size for size in wanted if all(width % size == 0 for width in widths)), None)


def _rows(examples: Sequence[Example], tokenizer: Any, limit: int) -> list[list[int]]:
    """Token ids of the examples as they were trained, at most so many of each.

    Raises:
        NoUsableRows: there is nothing to calibrate on.
    """
    texts = [
        tokenizer.render(row.messages, ask=False, tools=row.tools) if row.messages else row.text for row in examples
    ]
    rows = [ids[:limit] for text in texts if text and (ids := tokenizer.encode(text))]
    if not rows:
        raise NoUsableRows("gptq calibrates on rows of the train split, and there are none")
    return rows


def _dataset(rows: list[list[int]]) -> Any:
    from datasets import Dataset

    return Dataset.from_list([{"input_ids": row, "attention_mask": [1] * len(row)} for row in rows])
