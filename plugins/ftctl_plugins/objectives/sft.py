"""``sft``: supervised fine-tuning on answers."""

from ftctl.domain.encoded import Encoded
from ftctl.domain.example import Example
from ftctl.plugin import options
from ftctl.ports.objective import Encoder
from ftctl_plugins.objectives.next_token import NextTokenObjective


@options
class SftOptions:
    """Options of `SftObjective`."""


class SftObjective(NextTokenObjective):
    """Next-token loss over the tokens that ``loss_on`` selects."""

    def __init__(self, options: SftOptions) -> None:
        self._options = options

    def encode(self, example: Example, encoder: Encoder) -> tuple[Encoded, ...]:
        return (encoder.example(example),)
