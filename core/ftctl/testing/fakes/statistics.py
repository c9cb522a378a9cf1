"""How sure a figure is, by the normal distribution alone."""

import math
from collections.abc import Sequence
from statistics import NormalDist, fmean, stdev

from ftctl.ports.statistics import Statistics


class FakeStatistics(Statistics):
    """Right for many examples; adjusts by Bonferroni."""

    def p_above(self, values: Sequence[float], bound: float) -> float:
        spread = stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
        apart = fmean(values) - bound
        if not spread:
            return 1e-9 if apart > 0 else 1.0
        return max(1 - NormalDist().cdf(apart / spread), 1e-9)

    def adjusted(self, values: Sequence[float]) -> list[float]:
        return [min(1.0, value * len(values)) for value in values]
