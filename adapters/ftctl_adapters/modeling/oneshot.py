"""What compressors over llm-compressor share: a model, rows to calibrate on, one pass, and the outcome saved."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.example import Example
from ftctl.domain.format import COMPRESSED_TENSORS
from ftctl.errors import NoUsableRows
from ftctl.plugin import option, options
from ftctl.ports import Compressor, StageContext

HEAD = "lm_head"
"""Stays as it is: it is often the embedding too."""


@options
class CalibrationOptions:
    num_calibration_samples: int = option(256, help="Rows of the train split to calibrate on.", ge=1, le=256)
    max_seq_length: int = option(2048, help="Tokens of each that are used.", ge=1)


OptionsT = TypeVar("OptionsT", bound=CalibrationOptions)


class OneshotCompressor(Compressor, Generic[OptionsT]):
    """Every linear layer but the head is quantised, as the modifier says."""

    def __init__(self, options: OptionsT) -> None:
        self.options = options

    @abstractmethod
    def modifier(self, widths: set[int]) -> tuple[Any, dict[str, Any]]:
        """llm-compressor's modifier for layers of these columns, and what the artifact will tell of it."""

    def compress(self, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        from llmcompressor import oneshot
        from transformers import AutoModelForCausalLM

        from ftctl_adapters.modeling.compressed import compressed_draft
        from ftctl_adapters.modeling.tokenizer import ChatTokenizer

        wanted = calibration[: self.options.num_calibration_samples]
        rows = _rows(wanted, ChatTokenizer.of(model), self.options.max_seq_length)
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            model.path, dtype="auto", local_files_only=True, trust_remote_code=False, use_safetensors=True
        )
        recipe, told = self.modifier(_widths(loaded))
        oneshot(
            model=loaded,
            dataset=_dataset(rows),
            recipe=recipe,
            max_seq_length=self.options.max_seq_length,
            num_calibration_samples=len(rows),
        )
        loaded.save_pretrained(context.out, save_compressed=True)
        return compressed_draft(model, context.out, COMPRESSED_TENSORS, calibration_rows=len(rows), **told)


def _widths(model: Any) -> set[int]:
    """The columns of every layer that is quantised."""
    from torch.nn import Linear

    layers = (part for name, part in model.named_modules() if isinstance(part, Linear) and HEAD not in name)
    return {layer.in_features for layer in layers}


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
        raise NoUsableRows("there are no rows in the train split to calibrate on")
    return rows


def _dataset(rows: list[list[int]]) -> Any:
    from datasets import Dataset

    return Dataset.from_list([{"input_ids": row, "attention_mask": [1] * len(row)} for row in rows])
