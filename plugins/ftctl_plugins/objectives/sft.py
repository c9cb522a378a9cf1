"""``sft``: the next token of the answers."""

from typing import Any

from ftctl.domain.encoded import Encoded
from ftctl.domain.example import Example
from ftctl.plugin import options
from ftctl.ports.objective import Batch, Encoder, Forward, Objective


@options
class SftOptions:
    pass


class SftObjective(Objective):
    """The mean of -log p over the trained tokens; which those are, ``loss_on`` says."""

    def __init__(self, options: SftOptions) -> None:
        self._options = options

    def encode(self, example: Example, encoder: Encoder) -> tuple[Encoded, ...]:
        return (encoder.example(example),)

    def units(self, batch: Batch) -> int:
        return batch.trained

    def loss(self, model: Forward, batch: Batch) -> tuple[Any, dict[str, Any]]:
        return model.token_losses(batch)[0].sum(), {}
