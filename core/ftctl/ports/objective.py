"""Port: objectives define the loss that a tuner minimises."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from attrs import field, frozen

from ftctl.domain.encoded import Encoded
from ftctl.domain.example import Example, Message
from ftctl.errors import BackendError


class ObjectiveError(BackendError):
    """The objective could not do its work."""

    code = "objective"


class Encoder(Protocol):
    """Encoder of examples into tokens and labels, by the trained model's tokenizer and ``loss_on``."""

    def example(self, example: Example) -> Encoded:
        """Encode the example unchanged."""

    def answered(self, example: Example, answer: Sequence[Message]) -> Encoded:
        """Encode the example's prompt with another answer; only the answer is trained."""


@frozen
class Batch:
    """Padded sequences, as tensors of shape (sequences, longest), int64.

    ``ids``, ``mask`` (1 where a token stands), ``labels``, and ``positions`` when several texts stand in one sequence:
    it begins again at each. A row is what `Objective.encode` made of one example, as many sequences for every row, one
    after another; ``constants`` holds a tensor (rows,) for each of the objective's constants.
    """

    ids: Any
    mask: Any
    labels: Any
    trained: int
    rows: int
    positions: Any = None
    constants: dict[str, Any] = field(factory=dict)


class Forward(Protocol):
    """The model as objectives see it."""

    def token_losses(self, batch: Batch) -> tuple[Any, Any]:
        """Return -log p of every trained token (n,), float32 with gradient, and the index of its sequence (n,)."""


class Objective(ABC):
    """Objective; constructed with its options alone, its module imports no heavy package."""

    constants: ClassVar[tuple[str, ...]] = ()
    """Names of numbers a row that the model gives before it is trained; they are computed once and kept."""
    sequences_per_row: ClassVar[int] = 1
    """Sequences that `encode` makes of an example; planned memory follows from it."""

    @abstractmethod
    def encode(self, example: Example, encoder: Encoder) -> tuple[Encoded, ...]:
        """Return the sequences of one example; their number is the same for all examples.

        Raises:
            LabelsInvalid: the example has not what this objective needs.
        """

    @abstractmethod
    def units(self, batch: Batch) -> int:
        """Return the number of units that the loss is a mean over (trained tokens, pairs), before any forward pass."""

    @abstractmethod
    def loss(self, model: Forward, batch: Batch) -> tuple[Any, dict[str, Any]]:
        """Return the loss summed over the units, a float32 scalar with gradient, and further sums by name."""

    def constants_of(self, model: Forward, batch: Batch) -> dict[str, Any]:
        """Return the constants of the batch's rows, (rows,) each, computed without gradient by the reference model."""
        return {}
