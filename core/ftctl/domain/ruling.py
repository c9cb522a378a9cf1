"""What a gate said."""

from typing import Literal

from attrs import frozen

Said = Literal["pass", "fail", "inconclusive"]


@frozen
class Ruling:
    """``said`` is one line with the figure and its bound; ``needed`` examples would decide what is inconclusive.

    What is ``tolerated`` does not end the run although it is inconclusive.
    """

    metric: str
    subject: str
    verdict: Said
    said: str
    n: int = 0
    needed: int | None = None
    tolerated: bool = False

    @property
    def refuses(self) -> bool:
        """Whether the run ends here."""
        return self.verdict == "fail" or (self.verdict == "inconclusive" and not self.tolerated)

    def line(self) -> str:
        """For people."""
        more = ""
        if self.verdict == "inconclusive":
            more = f"; about {self.needed:,} examples would decide it, there are {self.n:,}" if self.needed else (
                "; more examples would hardly decide it")  # fmt: skip
        return f"{self.verdict}: {self.said}{more}"
