"""Check a run's metrics against its gates."""

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from attrs import evolve

from ftctl.application.bound_check import BoundCheck, decide, difference_error, paired_differences
from ftctl.application.model_metrics import Measured
from ftctl.application.model_variants import STAGES, TUNED
from ftctl.application.spec import Gate
from ftctl.domain.gate_result import GateResult
from ftctl.domain.metric import Metric
from ftctl.errors import GateRefused

MAX_RATIO, MAX_DROP = 1.05, 0.02

USUAL = 0.95
"""Confidence below which a pass is reported as doubtful where a gate asks for none; it refuses nothing."""

Metrics = dict[str, dict[str, Metric]]
"""Metrics by subject (``base``, ``tuned``, ``compressed``, ``served``) and name."""


def judge(gates: Sequence[Gate], measured: Mapping[str, Measured]) -> list[GateResult]:
    """Return the result of each bound of each gate; a metric that was not measured does not pass.

    Args:
        gates: in the order of the run file.
        measured: by ``base``, ``tuned``, ``compressed``, ``served``, and by what else gates are ``over``.
    """
    found = [
        (gate, bound) for gate in gates for bound in _bounds(gate, measured, by_example=gate.confidence is not None)
    ]
    sure = [(gate, bound) for gate, bound in found if gate.confidence is not None and isinstance(bound, BoundCheck)]
    levels = [gate.confidence or 0.0 for gate, _ in sure]
    verdicts = iter(decide([bound for _, bound in sure], levels))
    results = [_result(gate, bound, verdicts, measured) for gate, bound in found]
    seen = [bound for gate in gates for bound in _bounds(gate, measured, by_example=True)]
    return [_with_doubt(result, gate, bound) for result, (gate, _), bound in zip(results, found, seen, strict=True)]


def _with_doubt(result: GateResult, gate: Gate, bound: "BoundCheck | str") -> GateResult:
    """Mark a pass by point estimate that the examples do not support with confidence."""
    if isinstance(bound, str) or gate.confidence is not None or result.verdict != "pass":
        return result
    if decide([bound], [USUAL]) == ["pass"]:
        return result
    return evolve(result, doubt=True, blind=bound.has_no_error, n=bound.n, needed=bound.needed(USUAL))


def refuse(results: Sequence[GateResult]) -> None:
    """Raise if a gate ends the run.

    Raises:
        GateRefused: with one line for each gate.
    """
    if any(result.refuses for result in results):
        text = "a gate failed" if any(one.verdict == "fail" for one in results) else "a gate is inconclusive"
        lines = tuple(one.line() for one in sorted(results, key=lambda one: not one.refuses))
        raise GateRefused(text, next_step="see report.md for the metrics", details=lines)


def _result(
    gate: Gate, bound: "BoundCheck | str", verdicts: Iterator[str], measured: Mapping[str, Measured]
) -> GateResult:
    subject = _subject(gate, measured)
    if isinstance(bound, str):
        return GateResult(gate.metric, subject, "fail", bound)
    said: Any = next(verdicts) if gate.confidence is not None else "pass" if bound.holds else "fail"
    needed = bound.needed(gate.confidence) if gate.confidence is not None else None
    sure = f" (confidence {gate.confidence:g})" if gate.confidence is not None else ""
    tolerated = gate.on_inconclusive == "warn"
    return GateResult(
        gate.metric, subject, said, f"{gate.metric} of {subject} {bound.text}{sure}", bound.n, needed, tolerated,
        blind=gate.confidence is not None and bound.has_no_error,
    )  # fmt: skip


def _subject(gate: Gate, measured: Mapping[str, Measured]) -> str:
    """Return the model variant that a gate concerns: the last that was measured, unless the gate names one."""
    return gate.of or next((subject for subject in reversed(STAGES) if subject in measured), TUNED)


def concerns(gates: tuple[Gate, ...], metrics: Metrics) -> list[str]:
    """List metrics without a gate that compression worsened more than is usual, one line each."""
    before, after = metrics.get("tuned", {}), metrics.get("compressed", {})
    gated = {gate.metric for gate in gates if gate.of in (None, "compressed")}
    rules = [_usual(metric) for name, metric in after.items() if name in before and name not in gated]
    measured = {subject: Measured(found) for subject, found in metrics.items()}
    bounds = [(rule, bound) for rule in rules if rule for bound in _bounds(rule, measured, by_example=False)]
    found = [f"{rule.metric} of compressed {one.text}" for rule, one in bounds
             if isinstance(one, BoundCheck) and not one.holds]  # fmt: skip
    return [f"{line}; compressing cost that, and no gate of this run looks at it" for line in found]


def _usual(metric: Metric) -> Gate | None:
    """Return the default limits: a share may fall by two points, a lower-is-better metric grow by 5 %."""
    if metric.direction == "neither":
        return None
    between: dict[str, Any] = {"metric": metric.name, "of": "compressed", "over": "tuned"}
    if metric.direction == "lower":
        return Gate(**between, max_ratio=MAX_RATIO)
    return Gate(**between, min_gain=-MAX_DROP) if metric.unit == "share" else None


def _bounds(gate: Gate, measured: Mapping[str, Measured], *, by_example: bool) -> "Iterator[BoundCheck | str]":
    """Yield each bound of the gate with its figure, or a line if that was not measured; reads per-example values
    ``by_example``.
    """
    subject = _subject(gate, measured)
    one, other = (measured.get(name, Measured({})) for name in (subject, gate.over))
    value, reference = one.metrics.get(gate.metric), other.metrics.get(gate.metric)
    relative = gate.min_gain is not None or gate.max_ratio is not None
    if relative and subject == gate.over:
        yield f"{gate.metric} of {subject} would be compared with itself: no later variant was evaluated"
        return
    if value is None or (relative and reference is None):
        yield f"{gate.metric} of {subject if value is None else gate.over} was not measured"
        return
    examples = one.examples(gate.metric) if by_example else {}
    n = len(examples) or value.n
    # where examples count by clusters, it is the mean of these that can be sure
    figure = fmean(examples.values()) if 0 < len(examples) < value.n else value.value
    plain = BoundCheck("", figure, 0.0, values=tuple(examples.values()), n=n, **_errors(value))
    shown = f"is {value.value:.4g}, at"
    if gate.min_value is not None:
        yield evolve(plain, text=f"{shown} least {gate.min_value:g} is required", bound=gate.min_value)
    if gate.max_value is not None:
        yield evolve(plain, text=f"{shown} most {gate.max_value:g} is required", bound=gate.max_value, upper=True)
    if reference is None:
        return
    if gate.min_gain is not None:
        gain = value.value - reference.value
        same = examples and one.data == other.data
        values = paired_differences(examples, other.examples(gate.metric)) if same else ()
        text = f"gains {gain:.4g} over {gate.over}, at least {gate.min_gain:g} is required"
        gain = fmean(values) if 0 < len(values) < value.n else gain
        yield BoundCheck(text, gain, gate.min_gain, values=values, gains=True, n=n, **_errors(value, reference))
    if gate.max_ratio is not None:
        yield _ratio(gate, gate.max_ratio, value, reference)


def _ratio(gate: Gate, most: float, value: Metric, reference: Metric) -> "BoundCheck | str":
    """Check a ratio by its logarithm, whose standard error is that of both figures relative to them."""
    equal = value.value == reference.value
    ratio = 1.0 if equal else value.value / reference.value if reference.value else math.inf
    text = f"is {ratio:.4g} times that of {gate.over}, at most {most:g} is required"
    if not math.isfinite(ratio):
        return f"{gate.metric} of {gate.over} is 0, so the ratio is undefined"
    if not (value.value and ratio > 0):
        return BoundCheck(text, ratio, most, upper=True)
    errors = _errors(value, reference, relative=True)
    return BoundCheck(text, math.log(ratio), math.log(most), upper=True, n=value.n, **errors)


def _errors(value: Metric, reference: Metric | None = None, *, relative: bool = False) -> dict[str, Any]:
    """Return the standard errors below and above a figure, a difference, or the logarithm of a ratio.

    Of two extreme figures that is not known: chance moves both outwards.
    """
    both = [(value, True)] if reference is None else [(value, True), (reference, False)]
    extreme = any(one.extreme for one, _ in both)

    def error(below: bool) -> float | None:
        if extreme and reference is not None:
            return None
        found = [(one.error(below=below is own), one.value if relative else 1.0) for one, own in both]
        return difference_error(*(None if error is None else error / scale for error, scale in found))

    own = all(one.low is not None and one.high is not None for one, _ in both)
    ends = None if value.least is None or value.most is None else (value.least, value.most)
    return {"below": error(True), "above": error(False), "own_interval": own, "extreme": extreme, "ends": ends}
