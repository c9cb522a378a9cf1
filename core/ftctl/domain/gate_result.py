"""Result of a gate."""

from typing import Literal

from attrs import frozen

Verdict = Literal["pass", "fail", "inconclusive"]


@frozen
class GateResult:
    """Result of one bound of a gate.

    Attributes:
        metric, subject: name of the metric, and the model variant it was measured on.
        verdict: result.
        said: one line with the figure and its bound.
        n: examples that were measured.
        needed: about how many would decide an inconclusive result; None if none would.
        tolerated: an inconclusive result does not end the run.
        doubt: it passes by its point estimate, without confidence that the gate did not ask for.
        blind: the figure has no error estimate.
    """

    metric: str
    subject: str
    verdict: Verdict
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
        """Return one line for people."""
        unsure = f"; {self._unsure()}" if self.verdict == "inconclusive" else ""
        alone = f", by point estimate only: {self._unsure()}" if self.doubt else ""
        return f"{self.verdict}: {self.said}{unsure}{alone}"

    def _unsure(self) -> str:
        if self.blind:
            return "this metric has no error estimate"
        if self.needed is None:
            return "more examples would hardly decide it"
        return f"about {self.needed:,} examples would decide it, there are {self.n:,}"
