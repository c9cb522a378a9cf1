"""Whether a figure is surely on the right side of its bound, surely on the wrong one, or neither."""

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev

from attrs import frozen

from ftctl.ports.statistics import Statistics

POWER = 0.8
"""The probability with which the number of examples that is told would decide."""

ROUNDING = 1e-6


@frozen
class Bounded:
    """A figure that should be at least its bound, or at most where it is ``upper``.

    ``values`` are one number an example whose mean is the figure; without them its standard error is used.
    """

    said: str
    figure: float
    bound: float
    upper: bool = False
    values: tuple[float, ...] = ()
    stderr: float | None = None
    n: int = 0

    @property
    def holds(self) -> bool:
        """Of the figure itself, however sure it is."""
        return self.figure <= self.bound if self.upper else self.figure >= self.bound

    def p(self, statistics: Statistics, *, right: bool) -> float:
        """How likely such a figure is although the truth is not on this side of the bound."""
        above = right != self.upper
        if self.values and abs(fmean(self.values) - self.figure) < ROUNDING:
            turned = self.values if above else tuple(1 - value for value in self.values)
            return statistics.p_above(turned, self.bound if above else 1 - self.bound)
        if not self.stderr:
            return 1.0
        z = (self.figure - self.bound) / self.stderr
        return NormalDist().cdf(-z if above else z)

    def needed(self, confidence: float) -> int | None:
        """How many examples would decide it, were the figure the truth."""
        apart = abs(self.figure - self.bound)
        spread = stdev(self.values) if len(self.values) > 1 else (self.stderr or 0.0) * math.sqrt(self.n)
        if not spread or apart < ROUNDING:
            return None
        normal = NormalDist()
        return math.ceil(((normal.inv_cdf(confidence) + normal.inv_cdf(POWER)) * spread / apart) ** 2)


def paired(one: dict[str, float], other: dict[str, float]) -> tuple[float, ...]:
    """Differences over the examples that both know; none where they do not know the same."""
    return tuple(one[where] - other[where] for where in one) if one.keys() == other.keys() else ()


def spread(*errors: float | None) -> float | None:
    """The standard error of a difference of two independent figures."""
    return None if any(error is None for error in errors) else math.hypot(*(error or 0.0 for error in errors))


def certain(bounds: Sequence[Bounded], levels: Sequence[float], statistics: Statistics) -> list[str]:
    """``pass``, ``fail`` or ``inconclusive`` of each.

    That all of them pass is wrong no oftener than one would be; that some of them fail is looked at together, so that
    many gates do not raise many false alarms.
    """
    passing = [bound.p(statistics, right=True) for bound in bounds]
    failing = statistics.adjusted([bound.p(statistics, right=False) for bound in bounds])
    return [
        "pass" if good <= 1 - level else "fail" if bad <= 1 - level else "inconclusive"
        for good, bad, level in zip(passing, failing, levels, strict=True)
    ]
