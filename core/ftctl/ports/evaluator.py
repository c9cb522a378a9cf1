"""Port: evaluators measure a model's answers."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from ftctl.domain.evaluation_cost import EvaluationCost
from ftctl.domain.example import Example
from ftctl.domain.report import Report
from ftctl.errors import BackendError
from ftctl.ports.context import StageContext
from ftctl.ports.target import Target


class EvaluatorError(BackendError):
    """The evaluator could not measure."""

    code = "evaluator"


class Evaluator(ABC):
    """Evaluator; constructed with its options alone."""

    def fingerprint(self) -> str:
        """Return a text that changes with the files that options name; also called at planning.

        Raises:
            EvaluatorError: they cannot be read.
        """
        return ""

    def asks(self, examples: int) -> EvaluationCost | None:
        """Return the largest number of requests for a test split of this size; ``None`` if unknown.

        Called while a run is planned; it does not reach the model.
        """
        return None

    @abstractmethod
    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        """Return metrics with unit, direction, n and standard error, and one record an example.

        Raises:
            EvaluatorError: the measurement failed as a whole.
        """
