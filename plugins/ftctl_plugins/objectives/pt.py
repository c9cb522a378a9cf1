"""``pt``: continued pre-training on raw text."""

from ftctl.domain.encoded import Encoded
from ftctl.domain.example import Example
from ftctl.errors import LabelsInvalid
from ftctl.plugin import options
from ftctl.ports.objective import Encoder
from ftctl_plugins.objectives.next_token import NextTokenObjective


@options
class PretrainingOptions:
    """Options of `PretrainingObjective`."""


class PretrainingObjective(NextTokenObjective):
    """Next-token loss over every token of the documents."""

    def __init__(self, options: PretrainingOptions) -> None:
        self._options = options

    def encode(self, example: Example, encoder: Encoder) -> tuple[Encoded, ...]:
        if example.messages:
            step = "train conversations with objective: sft, or give rows with `text`"
            raise LabelsInvalid(f"{example.where}: pt trains on raw text, and this is a conversation", next_step=step)
        return (encoder.example(example),)
