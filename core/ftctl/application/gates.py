"""Whether a run's metrics are good enough."""

import math
import operator
from typing import Any

from ftctl.application.spec import Gate
from ftctl.domain.metric import Metric
from ftctl.errors import GateRefused

MAX_RATIO, MAX_DROP = 1.05, 0.02

Metrics = dict[str, dict[str, Metric]]
"""Metrics by subject (``base``, ``tuned``, ``compressed``) and name."""


def check_gates(gates: tuple[Gate, ...], metrics: Metrics) -> None:
    """Holds every gate against the metrics.

    Raises:
        GateRefused: with one line for each bound that does not hold; a metric that was not measured is no pass.
    """
    failed = [line for gate in gates for line in _failures(gate, metrics)]
    if failed:
        raise GateRefused("a gate said no", next_step="see report.md for the metrics", details=tuple(failed))


def concerns(gates: tuple[Gate, ...], metrics: Metrics) -> list[str]:
    """What compression cost more than is usual, of metrics that no gate looks at; one line each."""
    before, after = metrics.get("tuned", {}), metrics.get("compressed", {})
    gated = {gate.metric for gate in gates if gate.of in (None, "compressed")}
    rules = [_usual(metric) for name, metric in after.items() if name in before and name not in gated]
    found = [line for rule in rules if rule for line in _failures(rule, metrics)]
    return [f"{line}; compressing cost that, and no gate of this run looks at it" for line in found]


def _usual(metric: Metric) -> Gate | None:
    """Shares may fall by two points; what is better low, as perplexity, may grow by a twentieth."""
    between: dict[str, Any] = {"metric": metric.name, "of": "compressed", "over": "tuned"}
    if metric.direction == "lower":
        return Gate(**between, max_ratio=MAX_RATIO)
    return Gate(**between, min_gain=-MAX_DROP) if metric.unit == "share" else None


def _failures(gate: Gate, metrics: Metrics) -> list[str]:
    subject = gate.of or ("compressed" if "compressed" in metrics else "tuned")
    value, other = (metrics.get(name, {}).get(gate.metric) for name in (subject, gate.over))
    relative = gate.min_gain is not None or gate.max_ratio is not None
    if value is None or (relative and other is None):
        return [f"{gate.metric} of {subject if value is None else gate.over} was not measured"]
    found, reference = value.value, other.value if other else 0.0
    ratio = found / reference if reference else 1.0 if found == reference else math.inf
    bounds = [
        (gate.min_value, found, operator.ge, "is {v:.4g}, at least {b:g} is wanted"),
        (gate.max_value, found, operator.le, "is {v:.4g}, at most {b:g} is wanted"),
        (gate.min_gain, found - reference, operator.ge, "gains {v:.4g} over {o}, at least {b:g} is wanted"),
        (gate.max_ratio, ratio, operator.le, "is {v:.4g} times that of {o}, at most {b:g} is wanted"),
    ]
    return [
        f"{gate.metric} of {subject} " + text.format(v=shown, b=bound, o=gate.over)
        for bound, shown, holds, text in bounds
        if bound is not None and not holds(shown, bound)
    ]
