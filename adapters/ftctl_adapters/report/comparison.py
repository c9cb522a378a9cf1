"""Compare two evaluations over the same examples: differences, intervals, p-values, changed examples."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

from ftctl.domain.statistics.hypothesis_tests import holm
from ftctl.errors import UsageError
from ftctl_adapters.report.pii_masking import Hide

IDENTITY = ("where", "prompt", "expected", "answer", "finish_reason", "tokens", "rank", "among", "group", "template",
            "cluster")  # fmt: skip
"""Fields of a record that are no figure of it."""

LEVEL = 0.05
SHOWN = 5


@frozen
class Difference:
    """A metric over ``n`` independent pairs: means before and after, difference with interval, p-value.

    Examples of one cluster are drawn together, and their differences change their sign together. ``adjusted`` is p
    where all figures of the comparison are looked at together.
    """

    name: str
    n: int
    before: float
    after: float
    low: float
    high: float
    p: float
    adjusted: float = 1.0

    @property
    def delta(self) -> float:
        """Return the difference of the means."""
        return self.after - self.before

    @property
    def verdict(self) -> str:
        """Return the conclusion at the 5 % level."""
        if self.adjusted > LEVEL:
            return "no difference shown"
        return "higher" if self.delta > 0 else "lower"


@frozen
class Comparison:
    """Comparison of two evaluations; ``unpaired`` counts examples that only one has."""

    differences: list[Difference]
    changed: list[dict[str, Any]] = field(factory=list)
    unpaired: int = 0


def compare(before: Path, after: Path, hide: Hide = lambda told: told) -> Comparison:
    """Compare two report artifacts by the place of each example; ``hide`` masks texts of changed ones.

    Raises:
        UsageError: they have no example in common.
    """
    found: list[Difference] = []
    changed: list[dict[str, Any]] = []
    unpaired = pairs = 0
    for name in sorted({path.name for path in before.glob("*.samples.jsonl")}):
        one, other = _records(before / name), _records(after / name)
        both = [(one[where], other[where]) for where in one if _same(one[where], other.get(where))]
        unpaired += len(one) + len(other) - 2 * len(both)
        pairs += len(both)
        for figure in _figures(both):
            having = [pair for pair in both if all(_number(one.get(figure)) for one in pair)]
            found.append(_difference(figure, having))
            changed += _changed(figure, having)
    if not pairs:
        raise UsageError("no example was measured in both", next_step="compare runs over the same test split")
    adjusted = holm([one.p for one in found])
    told = [evolve(one, adjusted=p) for one, p in zip(found, adjusted, strict=True)]
    return Comparison(told, hide(_foremost(changed)), unpaired)


def adjusted_together(comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return the comparisons with p-values Holm-adjusted over all their figures."""
    adjusted = iter(holm([one.p for comparison in comparisons for one in comparison.differences]))
    return [
        evolve(comparison, differences=[evolve(one, adjusted=next(adjusted)) for one in comparison.differences])
        for comparison in comparisons
    ]


def _records(path: Path) -> dict[str, dict[str, Any]]:
    if not path.exists():
        return {}
    with path.open(encoding="utf-8") as lines:
        return {record["where"]: record for record in map(json.loads, lines)}


def _figures(pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> Iterator[str]:
    """Return the names of numeric figures in both records of a pair."""
    for name in dict.fromkeys(key for pair in pairs for key in pair[0]):
        told = [pair for pair in pairs if all(name in one for one in pair)]
        if told and name not in IDENTITY and all(_number(one[name]) for pair in told for one in pair):
            yield name


def _same(one: dict[str, Any], other: dict[str, Any] | None) -> bool:
    """Return True if both records are of the same example; a place alone may differ in a changed file."""
    return other is not None and all(one.get(key) == other.get(key) for key in ("prompt", "expected"))


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _difference(name: str, pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> Difference:
    import numpy as np

    from ftctl_adapters.statistics.bootstrap import mean_interval
    from ftctl_adapters.statistics.paired import mcnemar, sign_flip

    one, other = (np.array([pair[side][name] for pair in pairs], np.float64) for side in (0, 1))
    apart, clusters = other - one, [_cluster(*pair) for pair in pairs]
    low, high = mean_interval(apart, clusters=clusters)
    independent = len(set(clusters))
    if independent == len(pairs) and set(np.unique(np.concatenate([one, other]))) <= {0.0, 1.0}:
        p = mcnemar(int((apart > 0).sum()), int((apart < 0).sum()))
    else:
        p = sign_flip(np.bincount(np.unique(clusters, return_inverse=True)[1], apart))
    return Difference(name, independent, float(one.mean()), float(other.mean()), low, high, p)


def _cluster(one: dict[str, Any], other: dict[str, Any]) -> str:
    """Return the cluster of a pair, if either evaluation tells it."""
    return str(one.get("cluster") or other.get("cluster") or one["where"])


def _changed(name: str, pairs: list[tuple[dict[str, Any], dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    """Return the examples whose figures changed most, with both answers.

    ``weight`` is how far, beside the one that moved most: figures have scales of their own.
    """
    most = max((abs(other[name] - one[name]) for one, other in pairs), default=0.0)
    for one, other in pairs:
        delta = other[name] - one[name]
        if delta:
            yield {"figure": name, "delta": delta, "where": one["where"], "prompt": one.get("prompt", ""),
                   "before": one.get("answer", one[name]), "after": other.get("answer", other[name]),
                   "weight": abs(delta) / most}  # fmt: skip


def _foremost(changed: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return each example once, by its most changed figure; examples with most changed figures first."""
    best: dict[str, dict[str, Any]] = {}
    total: dict[str, float] = {}
    for one in changed:
        where = one["where"]
        total[where] = total.get(where, 0.0) + one["weight"]
        if one["weight"] > best.get(where, {"weight": 0.0})["weight"]:
            best[where] = one
    order = sorted(best, key=lambda where: -total[where])[:SHOWN]
    return [{key: value for key, value in best[where].items() if key != "weight"} for where in order]
