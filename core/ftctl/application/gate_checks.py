"""Check gates against the first model that is measured, so that nothing is trained for a gate that cannot hold."""

from collections.abc import Mapping, Sequence

from ftctl.application.spec import Gate
from ftctl.domain.metric import Metric
from ftctl.domain.names import nearest

LIKENESS = 0.8
"""Least similarity in [0, 1] of a name to that of a metric which was meant."""


def misdirected(gates: Sequence[Gate], metrics: Mapping[str, Metric]) -> list[str]:
    """List relative bounds that would pass a worse model: gains of what should fall, ratios of what should rise."""
    rules = (
        ("min_gain", "lower", "max_ratio or max_value"),
        ("max_ratio", "higher", "min_gain or min_value"),
    )
    return [
        f"gates[{place}].{bound}: {gate.metric} is better when {better}, so this passes a worse model; use {instead}"
        for place, gate in enumerate(gates)
        for bound, better, instead in rules
        if getattr(gate, bound) is not None and gate.metric in metrics and metrics[gate.metric].direction == better
    ]


def misspelt(gates: Sequence[Gate], metrics: Mapping[str, Metric]) -> list[str]:
    """List gates on metrics that were not measured, and whose names are like one that was."""
    return [
        f"gates[{place}].metric: {gate.metric} is not measured; did you mean {meant!r}?"
        for place, gate in enumerate(gates)
        if gate.metric not in metrics and (meant := nearest(gate.metric, metrics, LIKENESS))
    ]


def unmeasured(gates: Sequence[Gate], metrics: Mapping[str, Metric]) -> list[str]:
    """List metrics of gates that were not measured; evaluators may measure them of later models alone."""
    return list(dict.fromkeys(gate.metric for gate in gates if gate.metric not in metrics))
