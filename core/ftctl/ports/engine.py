"""Port: engines run the data stage's work, in this process or others."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import ClassVar, TypeVar

from ftctl.errors import BackendError

Given = TypeVar("Given")
Found = TypeVar("Found")


class EngineError(BackendError):
    """The engine could not do its work."""

    code = "engine"


class Engine(ABC):
    """Engine of the data stage, constructed with its options alone; the choice of engine changes no result."""

    remote: ClassVar[bool] = False
    """Whether work leaves this process: then functions, items and results are pickled."""

    parts: int = 1
    """Into how many pieces work that can be divided at will is best divided."""

    @abstractmethod
    def spread(self, work: Callable[[Given], Found], items: Iterable[Given]) -> Iterator[Found]:
        """Yield results in the order of the items; only a few items are taken ahead.

        A piece of work may be done twice, where a process was lost on the way.

        Raises:
            EngineError: processes are lost again and again, or the cluster cannot be reached.
        """

    def close(self) -> None:  # noqa: B027 - there may be nothing to end
        """Release resources; called once in any case."""
