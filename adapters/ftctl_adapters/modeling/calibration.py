"""Calibration rows: run through a model to observe its activations."""

from collections.abc import Sequence

from ftctl.domain.example import Example
from ftctl.errors import LabelsInvalid, NoUsableRows
from ftctl.plugin import option, options
from ftctl_adapters.modeling.tokenizer import ChatTokenizer


@options
class CalibrationOptions:
    """Options of compressors that use calibration rows."""

    num_calibration_samples: int = option(256, help="Rows of the train split to calibrate on.", ge=1, le=256)
    max_seq_length: int = option(2048, help="Tokens of each that are used.", ge=1)


def token_rows(examples: Sequence[Example], tokenizer: ChatTokenizer, limit: int) -> list[list[int]]:
    """Return the examples' token ids, rendered as in training and truncated; examples that cannot be rendered are
    skipped.

    Raises:
        NoUsableRows: there is nothing to run over.
    """
    rows = []
    for row in examples:
        try:
            text = tokenizer.render(row.messages, ask=False, tools=row.tools) if row.messages else row.text
        except LabelsInvalid:
            continue
        ids = tokenizer.encode(text)[:limit] if text else []
        rows += [ids] if ids else []
    if not rows:
        raise NoUsableRows("there are no rows in the train split to calibrate on")
    return rows
