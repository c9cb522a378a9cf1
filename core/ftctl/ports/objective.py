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
    """Turns examples into tokens and labels, as the tokenizer of the trained model and ``loss_on`` say."""

    def example(self, example: Example) -> Encoded:
        """The example as it stands."""

    def answered(self, example: Example, answer: Sequence[Message]) -> Encoded:
        """The example's prompt with another answer; only the answer is trained."""


@frozen
class Batch:
    """Sequences side by side, as tensors of shape (sequences, longest), int64.

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
    """The model, as objectives see it."""

    def token_losses(self, batch: Batch) -> tuple[Any, Any]:
        """-log p of every trained token (n,), float32 with gradient, and the sequence (n,) that each stands in."""


class Objective(ABC):
    """Constructed with its options as only argument; its module imports no heavy package."""

    constants: ClassVar[tuple[str, ...]] = ()
    """Names of numbers a row that the model gives before it is trained; they are computed once and kept."""

    @abstractmethod
    def encode(self, example: Example, encoder: Encoder) -> tuple[Encoded, ...]:
        """The sequences that one example trains on: always as many.

        Raises:
            LabelsInvalid: the example has not what this objective needs.
        """

    @abstractmethod
    def units(self, batch: Batch) -> int:
        """Return the number of units that the loss is a mean over (trained tokens, pairs), before any forward pass."""

    @abstractmethod
    def loss(self, model: Forward, batch: Batch) -> tuple[Any, dict[str, Any]]:
        """The loss summed over the units, a float32 scalar with gradient, and further sums over the units by name."""

    def constants_of(self, model: Forward, batch: Batch) -> dict[str, Any]:
        """The constants of the batch's rows, (rows,) each, without gradient."""
        return {}
