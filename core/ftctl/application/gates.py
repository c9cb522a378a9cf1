"""Gates: hold a run's metrics against their bounds."""

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean
from typing import Any

from attrs import evolve

from ftctl.application.bound_verdict import Bounded, certain, paired, spread
from ftctl.application.model_metrics import Measured
from ftctl.application.model_variants import STAGES, TUNED
from ftctl.application.spec import Gate
from ftctl.domain.gate_result import Ruling
from ftctl.domain.metric import Metric
from ftctl.errors import GateRefused

MAX_RATIO, MAX_DROP = 1.05, 0.02

USUAL = 0.95
"""How sure a pass is held to be where a gate asks for nothing; what is less sure is said, and refuses nothing."""

Metrics = dict[str, dict[str, Metric]]
"""Metrics by subject (``base``, ``tuned``, ``compressed``, ``served``) and name."""


def judge(gates: Sequence[Gate], measured: Mapping[str, Measured]) -> list[Ruling]:
    """Return the result of each bound of each gate; a metric that was not measured does not pass.

    Args:
        gates: in the order of the run file.
        measured: by ``base``, ``tuned``, ``compressed``, ``served``, and by what else gates are ``over``.
    """
    found = [(gate, bound) for gate in gates for bound in _bounds(gate, measured, closely=gate.confidence is not None)]
    sure = [(gate, bound) for gate, bound in found if gate.confidence is not None and isinstance(bound, Bounded)]
    levels = [gate.confidence or 0.0 for gate, _ in sure]
    verdicts = iter(certain([bound for _, bound in sure], levels))
    rulings = [_ruling(gate, bound, verdicts, measured) for gate, bound in found]
    seen = [bound for gate in gates for bound in _bounds(gate, measured, closely=True)]
    return [_doubted(ruling, gate, bound) for ruling, (gate, _), bound in zip(rulings, found, seen, strict=True)]


def _doubted(ruling: Ruling, gate: Gate, bound: "Bounded | str") -> Ruling:
    """A pass by the figure alone says so where the examples do not make it sure."""
    if isinstance(bound, str) or gate.confidence is not None or ruling.verdict != "pass":
        return ruling
    if certain([bound], [USUAL]) == ["pass"]:
        return ruling
    return evolve(ruling, doubt=True, blind=bound.blind, n=bound.n, needed=bound.needed(USUAL))


def refuse(rulings: Sequence[Ruling]) -> None:
    """Ends the run where a gate refuses it.

    Raises:
        GateRefused: with one line for each gate.
    """
    if any(ruling.refuses for ruling in rulings):
        text = "a gate said no" if any(one.verdict == "fail" for one in rulings) else "a gate cannot be sure"
        lines = tuple(one.line() for one in sorted(rulings, key=lambda one: not one.refuses))
        raise GateRefused(text, next_step="see report.md for the metrics", details=lines)


def _ruling(gate: Gate, bound: "Bounded | str", verdicts: Iterator[str], measured: Mapping[str, Measured]) -> Ruling:
    subject = _subject(gate, measured)
    if isinstance(bound, str):
        return Ruling(gate.metric, subject, "fail", bound)
    said: Any = next(verdicts) if gate.confidence is not None else "pass" if bound.holds else "fail"
    needed = bound.needed(gate.confidence) if gate.confidence is not None else None
    sure = f" (sure to {gate.confidence:g})" if gate.confidence is not None else ""
    tolerated = gate.on_inconclusive == "warn"
    return Ruling(
        gate.metric, subject, said, f"{gate.metric} of {subject} {bound.said}{sure}", bound.n, needed, tolerated,
        blind=gate.confidence is not None and bound.blind,
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
    bounds = [(rule, bound) for rule in rules if rule for bound in _bounds(rule, measured, closely=False)]
    found = [f"{rule.metric} of compressed {one.said}" for rule, one in bounds
             if isinstance(one, Bounded) and not one.holds]  # fmt: skip
    return [f"{line}; compressing cost that, and no gate of this run looks at it" for line in found]


def _usual(metric: Metric) -> Gate | None:
    """Shares may fall by two points; what is better low, as perplexity, may grow by a twentieth."""
    if metric.direction == "neither":
        return None
    between: dict[str, Any] = {"metric": metric.name, "of": "compressed", "over": "tuned"}
    if metric.direction == "lower":
        return Gate(**between, max_ratio=MAX_RATIO)
    return Gate(**between, min_gain=-MAX_DROP) if metric.unit == "share" else None


def _bounds(gate: Gate, measured: Mapping[str, Measured], *, closely: bool) -> "Iterator[Bounded | str]":
    """Every bound of the gate with its figure; a line where that was not measured. Looks at examples where asked to."""
    subject = _subject(gate, measured)
    one, other = (measured.get(name, Measured({})) for name in (subject, gate.over))
    value, reference = one.metrics.get(gate.metric), other.metrics.get(gate.metric)
    relative = gate.min_gain is not None or gate.max_ratio is not None
    if relative and subject == gate.over:
        yield f"{gate.metric} of {subject} is no gain over itself: nothing that comes after {subject} was measured"
        return
    if value is None or (relative and reference is None):
        yield f"{gate.metric} of {subject if value is None else gate.over} was not measured"
        return
    examples = one.examples(gate.metric) if closely else {}
    n = len(examples) or value.n
    # where examples count by clusters, it is the mean of these that can be sure
    figure = fmean(examples.values()) if 0 < len(examples) < value.n else value.value
    plain = Bounded("", figure, 0.0, values=tuple(examples.values()), n=n, **_errors(value))
    shown = f"is {value.value:.4g}, at"
    if gate.min_value is not None:
        yield evolve(plain, said=f"{shown} least {gate.min_value:g} is wanted", bound=gate.min_value)
    if gate.max_value is not None:
        yield evolve(plain, said=f"{shown} most {gate.max_value:g} is wanted", bound=gate.max_value, upper=True)
    if reference is None:
        return
    if gate.min_gain is not None:
        gain = value.value - reference.value
        same = examples and one.data == other.data
        values = paired(examples, other.examples(gate.metric)) if same else ()
        said = f"gains {gain:.4g} over {gate.over}, at least {gate.min_gain:g} is wanted"
        gain = fmean(values) if 0 < len(values) < value.n else gain
        yield Bounded(said, gain, gate.min_gain, values=values, gains=True, n=n, **_errors(value, reference))
    if gate.max_ratio is not None:
        yield _ratio(gate, gate.max_ratio, value, reference)


def _ratio(gate: Gate, most: float, value: Metric, reference: Metric) -> "Bounded | str":
    """By its logarithm, whose standard error is that of both figures, relative to them."""
    equal = value.value == reference.value
    ratio = 1.0 if equal else value.value / reference.value if reference.value else math.inf
    said = f"is {ratio:.4g} times that of {gate.over}, at most {most:g} is wanted"
    if not math.isfinite(ratio):
        return f"{gate.metric} of {gate.over} is 0, and nothing can be compared with that"
    if not (value.value and ratio > 0):
        return Bounded(said, ratio, most, upper=True)
    errors = _errors(value, reference, relative=True)
    return Bounded(said, math.log(ratio), math.log(most), upper=True, n=value.n, **errors)


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
        return spread(*(None if error is None else error / scale for error, scale in found))

    own = all(one.low is not None and one.high is not None for one, _ in both)
    ends = None if value.least is None or value.most is None else (value.least, value.most)
    return {"below": error(True), "above": error(False), "own": own, "extreme": extreme, "ends": ends}
