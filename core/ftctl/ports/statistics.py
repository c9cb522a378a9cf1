"""Secondary port: how sure a figure is."""

from abc import ABC, abstractmethod
from collections.abc import Sequence


class Statistics(ABC):
    """What a gate asks before it says that a bound holds, or that it does not."""

    @abstractmethod
    def p_above(self, values: Sequence[float], bound: float) -> float:
        """The one-sided p of a mean that is not above the bound, of one value an example: small where it surely is.

        Exact for values that are all 0 or 1. It is never 0.
        """

    @abstractmethod
    def adjusted(self, values: Sequence[float]) -> list[float]:
        """p-values of one family, so that all of its false alarms together keep their level."""
