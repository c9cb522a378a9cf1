"""Decide whether a metric is significantly on the right side of its bound, on the wrong side, or neither."""

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev

from attrs import frozen

from ftctl.domain.metric import NORMAL
from ftctl.domain.statistics.hypothesis_tests import FEWEST, gain_spread, holm, p_bounded, p_gain, p_normal, p_share
from ftctl.domain.statistics.selection_bounds import ONE_SIDE

POWER = 0.8
"""Power of the test with the number of examples that ``needed`` returns."""

ROUNDING = 1e-6


@frozen
class BoundCheck:
    """A figure, its bound, and what is known of the figure's error.

    Attributes:
        text: one line for people, with figure and bound.
        figure: point estimate.
        bound: least value allowed, or most where ``upper``.
        values: one number an example, whose mean is the figure; empty where not known.
        gains: ``values`` are differences between two evaluations.
        below, above: standard error on each side of the figure, used where ``values`` are not known.
        own_interval: these come from an interval of the evaluator's own, valid for few examples too; else they are
            those of a normal distribution.
        extreme: a minimum or maximum with simultaneous bounds; undecided within them.
        n: examples, or clusters of them.
        ends: range of one value.
    """

    text: str
    figure: float
    bound: float
    upper: bool = False
    values: tuple[float, ...] = ()
    gains: bool = False
    below: float | None = None
    above: float | None = None
    own_interval: bool = False
    extreme: bool = False
    n: int = 0
    ends: tuple[float, float] | None = (0.0, 1.0)

    @property
    def holds(self) -> bool:
        """Return True if the point estimate is on the right side, whatever its error."""
        return self.figure <= self.bound if self.upper else self.figure >= self.bound

    @property
    def has_values(self) -> bool:
        """Return True if per-example values are known and their mean is the figure."""
        return bool(self.values) and abs(fmean(self.values) - self.figure) < ROUNDING

    @property
    def has_no_error(self) -> bool:
        """Return True if neither values nor a standard error are known."""
        return not self.values and self._error_towards_bound is None

    @property
    def _error_towards_bound(self) -> float | None:
        """Standard error on the side of the figure where its bound lies."""
        return self.below if self.figure >= self.bound else self.above

    def p(self, *, right: bool) -> float:
        """Return the p-value of the null hypothesis that the true value is on the other side of the bound."""
        above = right != self.upper
        values, bound = (self.values, self.bound) if above else (tuple(-v for v in self.values), -self.bound)
        if not self.has_values:
            error, apart = self.below if above else self.above, self.figure - self.bound
            apart = apart if above else -apart
            if self.extreme:
                return ONE_SIDE if error and apart > NORMAL * error + ROUNDING else 1.0
            return p_normal(apart, error, FEWEST if self.own_interval else self.n)
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
        """Return about how many examples would decide, if the figure were true; None if none would."""
        apart = abs(self.figure - self.bound)
        if apart < ROUNDING or (self.extreme and confidence > 1 - ONE_SIDE):
            return None
        own = stdev(self.values) if len(self.values) > 1 else (self._error_towards_bound or 0.0) * math.sqrt(self.n)
        at_bound, quantile = own, max(NormalDist().inv_cdf(confidence), NORMAL if self.extreme else 0.0)
        seen = set(self.values)
        if self.has_values and self.gains and self.ends == (0.0, 1.0) and seen <= {-1.0, 0.0, 1.0}:
            at_bound = gain_spread(self.values, self.bound)
        elif self.has_values and not self.gains and self.ends == (0.0, 1.0) and seen <= {0.0, 1.0}:
            at_bound = math.sqrt(max(self.bound * (1 - self.bound), 0.0))
        elif self.has_values:
            quantile = math.sqrt(2 * math.log(1 / (1 - confidence)))  # what a bettor must gain
        found = math.ceil(((quantile * at_bound + NormalDist().inv_cdf(POWER) * own) / apart) ** 2)
        # approximations can be below what was not enough
        least = self.n + 1 if self.has_values or self.own_interval else max(self.n + 1, FEWEST)
        return max(found, least) if found else None


def paired_differences(one: dict[str, float], other: dict[str, float]) -> tuple[float, ...]:
    """Return value minus reference by example; empty unless both have the same examples."""
    return tuple(one[where] - other[where] for where in one) if one.keys() == other.keys() else ()


def difference_error(*errors: float | None) -> float | None:
    """Return the standard error of a difference of two independent figures; None if one is not known."""
    return None if any(error is None for error in errors) else math.hypot(*(error or 0.0 for error in errors))


def decide(bounds: Sequence[BoundCheck], levels: Sequence[float]) -> list[str]:
    """Return ``pass``, ``fail`` or ``inconclusive`` for each, at its confidence level.

    A model passes only if all pass, so passes need no correction. Failures are Holm-corrected over all bounds, so that
    many gates do not raise many false alarms.
    """
    passing = [bound.p(right=True) for bound in bounds]
    failing = holm([bound.p(right=False) for bound in bounds])
    return [
        "pass" if good <= 1 - level else "fail" if bad <= 1 - level else "inconclusive"
        for good, bad, level in zip(passing, failing, levels, strict=True)
    ]
