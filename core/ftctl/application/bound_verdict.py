"""Decide whether a metric is significantly on the right side of its bound, on the wrong side, or neither."""

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev

from attrs import frozen

from ftctl.domain.metric import NORMAL
from ftctl.domain.statistics.hypothesis_tests import FEWEST, gain_spread, holm, p_bounded, p_gain, p_normal, p_share
from ftctl.domain.statistics.selection_bounds import ONE_SIDE

POWER = 0.8
"""The probability with which the number of examples that is told would decide."""

ROUNDING = 1e-6


@frozen
class Bounded:
    """A figure that should be at least its bound, or at most where it is ``upper``.

    ``values`` are one number an example whose mean is the figure, ``gains`` says that they are differences of two
    evaluations; without them the standard errors on both sides of the figure are used. Those of a normal distribution
    say nothing of few examples; those of ``own`` bounds hold for as many as there are. Of an ``extreme`` figure its
    bounds alone are known: nothing is sure within them, and nothing surer than they are outside. ``ends`` are those of
    the range of one value.
    """

    said: str
    figure: float
    bound: float
    upper: bool = False
    values: tuple[float, ...] = ()
    gains: bool = False
    below: float | None = None
    above: float | None = None
    own: bool = False
    extreme: bool = False
    n: int = 0
    ends: tuple[float, float] | None = (0.0, 1.0)

    @property
    def holds(self) -> bool:
        """Return True if the point estimate is on the right side, whatever its error."""
        return self.figure <= self.bound if self.upper else self.figure >= self.bound

    @property
    def told(self) -> bool:
        """Return True if per-example values are known and their mean is the figure."""
        return bool(self.values) and abs(fmean(self.values) - self.figure) < ROUNDING

    @property
    def blind(self) -> bool:
        """Return True if neither values nor a standard error are known."""
        return not self.values and self._towards is None

    @property
    def _towards(self) -> float | None:
        """The standard error on that side of the figure where its bound lies."""
        return self.below if self.figure >= self.bound else self.above

    def p(self, *, right: bool) -> float:
        """Return the p-value of the null hypothesis that the true value is on the other side of the bound."""
        above = right != self.upper
        values, bound = (self.values, self.bound) if above else (tuple(-v for v in self.values), -self.bound)
        if not self.told:
            error, apart = self.below if above else self.above, self.figure - self.bound
            apart = apart if above else -apart
            if self.extreme:
                return ONE_SIDE if error and apart > NORMAL * error + ROUNDING else 1.0
            return p_normal(apart, error, FEWEST if self.own else self.n)
        seen = set(self.values)
        if self.gains and self.ends == (0.0, 1.0) and seen <= {-1.0, 0.0, 1.0}:
            return p_gain(values, bound)
        if not self.gains and self.ends == (0.0, 1.0) and seen <= {0.0, 1.0}:
            return p_share(self.values, bound) if above else p_share([1 - v for v in self.values], 1 + bound)
        if self.ends:
            least, most = self.ends
            low, high = (least - most, most - least) if self.gains else (least, most) if above else (-most, -least)
            if min(values) >= low and max(values) <= high:
                return p_bounded(values, bound, low, high)
        spread = stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
        return p_normal(fmean(values) - bound, spread, len(values))

    def needed(self, confidence: float) -> int | None:
        """About how many examples would decide it, were the figure the truth."""
        apart = abs(self.figure - self.bound)
        if apart < ROUNDING or (self.extreme and confidence > 1 - ONE_SIDE):
            return None
        own = stdev(self.values) if len(self.values) > 1 else (self._towards or 0.0) * math.sqrt(self.n)
        at_bound, sure = own, max(NormalDist().inv_cdf(confidence), NORMAL if self.extreme else 0.0)
        seen = set(self.values)
        if self.told and self.gains and self.ends == (0.0, 1.0) and seen <= {-1.0, 0.0, 1.0}:
            at_bound = gain_spread(self.values, self.bound)
        elif self.told and not self.gains and self.ends == (0.0, 1.0) and seen <= {0.0, 1.0}:
            at_bound = math.sqrt(max(self.bound * (1 - self.bound), 0.0))
        elif self.told:
            sure = math.sqrt(2 * math.log(1 / (1 - confidence)))  # what a bettor must gain
        found = math.ceil(((sure * at_bound + NormalDist().inv_cdf(POWER) * own) / apart) ** 2)
        # approximations can be below what was not enough
        least = self.n + 1 if self.told or self.own else max(self.n + 1, FEWEST)
        return max(found, least) if found else None


def paired(one: dict[str, float], other: dict[str, float]) -> tuple[float, ...]:
    """Differences over the examples that both know; none where they do not know the same."""
    return tuple(one[where] - other[where] for where in one) if one.keys() == other.keys() else ()


def spread(*errors: float | None) -> float | None:
    """The standard error of a difference of two independent figures."""
    return None if any(error is None for error in errors) else math.hypot(*(error or 0.0 for error in errors))


def certain(bounds: Sequence[Bounded], levels: Sequence[float]) -> list[str]:
    """``pass``, ``fail`` or ``inconclusive`` of each.

    That all of them pass is wrong no oftener than one would be; that some of them fail is looked at together, so that
    many gates do not raise many false alarms.
    """
    passing = [bound.p(right=True) for bound in bounds]
    failing = holm([bound.p(right=False) for bound in bounds])
    return [
        "pass" if good <= 1 - level else "fail" if bad <= 1 - level else "inconclusive"
        for good, bad, level in zip(passing, failing, levels, strict=True)
    ]
