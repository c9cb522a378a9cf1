"""Common part of compressors over llm-compressor: one calibrated pass, result saved."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

from ftctl.domain.artifact import Artifact, Draft
from ftctl.domain.example import Example
from ftctl.domain.format import COMPRESSED_TENSORS
from ftctl.ports import Compressor, StageContext
from ftctl_adapters.modeling.calibration import CalibrationOptions, token_rows
from ftctl_adapters.modeling.linear_layers import linear_layers

OptionsT = TypeVar("OptionsT", bound=CalibrationOptions)


class OneshotCompressor(Compressor, Generic[OptionsT]):
    """Every linear layer but the head is quantised, as the modifier says."""

    def __init__(self, options: OptionsT) -> None:
        self.options = options

    @abstractmethod
    def modifier(self, widths: set[int]) -> tuple[Any, dict[str, Any]]:
        """llm-compressor's modifier, or several, for layers of these columns, and what the artifact will tell of it."""

    def compress(self, model: Artifact, calibration: Sequence[Example], context: StageContext) -> Draft:
        from llmcompressor import oneshot

        from ftctl_adapters.modeling.compressed import compressed_draft
        from ftctl_adapters.modeling.load import pretrained
        from ftctl_adapters.modeling.reached_weights import tell_reached
        from ftctl_adapters.modeling.tokenizer import ChatTokenizer

        wanted = calibration[: self.options.num_calibration_samples]
        rows = token_rows(wanted, ChatTokenizer.of(model), self.options.max_seq_length)
        loaded: Any = pretrained(model.path, dtype="auto")
        tell_reached(loaded, [layer.weight for layer in linear_layers(loaded).values()], "quantises", context)
        recipe, told = self.modifier({layer.in_features for layer in linear_layers(loaded).values()})
        oneshot(
            model=loaded,
            dataset=_dataset(rows),
            recipe=recipe,
            max_seq_length=self.options.max_seq_length,
            num_calibration_samples=len(rows),
        )
        loaded.save_pretrained(context.out, save_compressed=True)
        return compressed_draft(model, context.out, COMPRESSED_TENSORS, calibration_rows=len(rows), **told)


def _dataset(rows: list[list[int]]) -> Any:
    from datasets import Dataset

    return Dataset.from_list([{"input_ids": row, "attention_mask": [1] * len(row)} for row in rows])
