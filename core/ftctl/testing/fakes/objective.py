"""An objective that counts letters instead of tokens, and needs no model."""

from typing import Any

from ftctl.domain.encoded import Encoded
from ftctl.domain.example import Example
from ftctl.plugin import option, options
from ftctl.ports.objective import Batch, Encoder, Forward, Objective


@options
class FakeObjectiveOptions:
    """Options of `FakeObjective`."""

    strength: float = option(1.0, help="Factor of the loss.", gt=0)


class FakeObjective(Objective):
    """Counts letters as tokens."""

    def __init__(self, options: FakeObjectiveOptions) -> None:
        self.options = options

    def encode(self, example: Example, encoder: Encoder) -> tuple[Encoded, ...]:
        ids = tuple(map(ord, example.answer))
        return (Encoded(example.where, ids, ids),)

    def units(self, batch: Batch) -> int:
        return batch.trained

    def loss(self, model: Forward, batch: Batch) -> tuple[Any, dict[str, Any]]:
        return self.options.strength * batch.trained, {}
