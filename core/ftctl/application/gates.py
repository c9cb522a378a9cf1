"""Whether a run's metrics are good enough."""

from ftctl.application.spec import Gate
from ftctl.domain.metric import Metric
from ftctl.errors import GateRefused

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


def _failures(gate: Gate, metrics: Metrics) -> list[str]:
    subject = gate.of or ("compressed" if "compressed" in metrics else "tuned")
    value, other = (metrics.get(name, {}).get(gate.metric) for name in (subject, gate.over))
    relative = gate.min_gain is not None or gate.max_ratio is not None
    if value is None or (relative and other is None):
        return [f"{gate.metric} of {subject if value is None else gate.over} was not measured"]
    found, reference = value.value, other.value if other else 0.0
    checks = [
        (gate.min_value, found, lambda bound: found >= bound, "is {v:.4g}, at least {b:g} is wanted"),
        (gate.max_value, found, lambda bound: found <= bound, "is {v:.4g}, at most {b:g} is wanted"),
        (gate.min_gain, found - reference, lambda bound: found - reference >= bound, "gains {v:.4g}, {b:g} is wanted"),
        (gate.max_ratio, found, lambda bound: found <= bound * reference, "is {v:.4g}, over {b:g} times the reference"),
    ]
    return [
        f"{gate.metric} of {subject} " + text.format(v=shown, b=bound)
        for bound, shown, holds, text in checks
        if bound is not None and not holds(bound)
    ]
