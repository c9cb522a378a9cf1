"""How sure a figure is: exact for shares, by permutation of signs for means."""

from collections.abc import Sequence

from ftctl.domain.proportion import binomial_tail
from ftctl.ports.statistics import Statistics


class ExactStatistics(Statistics):
    """The binomial test, Fisher's permutation of signs, and Holm."""

    def p_above(self, values: Sequence[float], bound: float) -> float:
        if set(values) <= {0.0, 1.0}:
            return max(binomial_tail(int(sum(values)), len(values), bound), 1e-12)
        from ftctl_adapters.statistics.paired import sign_flip_above

        return sign_flip_above([value - bound for value in values])

    def adjusted(self, values: Sequence[float]) -> list[float]:
        from ftctl_adapters.statistics.paired import holm

        return holm(list(values))
