"""Result of a gate."""

from typing import Literal

from attrs import frozen

Said = Literal["pass", "fail", "inconclusive"]


@frozen
class Ruling:
    """``said`` is one line with the figure and its bound; ``needed`` examples would decide what is not sure.

    What is ``tolerated`` does not end the run although it is inconclusive. What is in ``doubt`` passes by its figure
    alone, which nobody asked to be sure, and is not. ``blind`` figures tell nothing of how sure they are.
    """

    metric: str
    subject: str
    verdict: Said
    said: str
    n: int = 0
    needed: int | None = None
    tolerated: bool = False
    doubt: bool = False
    blind: bool = False

    @property
    def refuses(self) -> bool:
        """Return True if the run ends with it."""
        return self.verdict == "fail" or (self.verdict == "inconclusive" and not self.tolerated)

    def line(self) -> str:
        """For people."""
        unsure = f"; {self._unsure()}" if self.verdict == "inconclusive" else ""
        alone = f", by the figure alone: {self._unsure()}" if self.doubt else ""
        return f"{self.verdict}: {self.said}{unsure}{alone}"

    def _unsure(self) -> str:
        if self.blind:
            return "nothing tells how sure this figure is"
        if self.needed is None:
            return "more examples would hardly decide it"
        return f"about {self.needed:,} examples would decide it, there are {self.n:,}"
