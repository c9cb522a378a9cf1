"""Checks of what an evaluator reports: counts, ranges and records, beyond the types of its fields."""

import json
import math
from collections.abc import Iterator
from typing import Any, get_args

from ftctl.domain.metric import Direction, Metric
from ftctl.domain.names import is_name
from ftctl.domain.report import Report

ROUNDING = 1e-9
"""How far a figure may be outside its range: means of many values are rounded."""


def report_problem(report: Report) -> str:
    """Return what is wrong with a report, in one sentence; empty if nothing is."""
    return next(_problems(report), "")


def _problems(report: Report) -> Iterator[str]:
    if not isinstance(report.evaluator, str) or not is_name(report.evaluator):
        yield f"the evaluator's name {report.evaluator!r} cannot name a file"
    if not isinstance(report.metrics, tuple) or not all(isinstance(one, Metric) for one in report.metrics):
        yield "metrics must be a tuple of Metric"
        return
    if not report.metrics and not report.notes:
        yield "it has no metric, and no note says why"
    names = [metric.name for metric in report.metrics]
    if len(set(names)) < len(names):
        yield f"two metrics have one name: {', '.join(map(str, names))}"
    for metric in report.metrics:
        yield from _of_metric(metric)
    yield from _of_records(report)
    notes = report.notes
    if not isinstance(notes, dict) or not all(isinstance(text, str) for pair in notes.items() for text in pair):
        yield "notes must map text to text"


def _of_metric(metric: Metric) -> Iterator[str]:
    name = metric.name
    for what in ("name", "unit"):
        if not isinstance(getattr(metric, what), str) or not getattr(metric, what):
            yield f"a metric has the {what} {getattr(metric, what)!r}"
    if metric.direction not in get_args(Direction):
        yield f"{name} has the direction {metric.direction!r}, and must have one of {', '.join(get_args(Direction))}"
    if not _is_count(metric.n):
        yield f"{name} counts {metric.n!r} examples"
    if not _is_number(metric.value):
        yield f"{name} is {metric.value!r}, and must be a finite number"
        return
    ends = ("stderr", "low", "high", "least", "most")
    strange = [end for end in ends if getattr(metric, end) is not None and not _is_number(getattr(metric, end))]
    if strange:
        yield f"{strange[0]} of {name} is {getattr(metric, strange[0])!r}, and must be a finite number"
        return
    for low, high, which in ((metric.least, metric.most, "its range"), (metric.low, metric.high, "its own bounds")):
        if not _within(metric.value, low, high):
            yield f"{name} is {metric.value:g}, outside of {which} from {low} to {high}"
    if (metric.stderr or 0.0) < 0:
        yield f"{name} has a negative standard error"


def _within(value: float, low: float | None, high: float | None) -> bool:
    room = ROUNDING * max(1.0, abs(value))
    return (low is None or value >= low - room) and (high is None or value <= high + room)


def _of_records(report: Report) -> Iterator[str]:
    records = report.records
    if not isinstance(records, tuple) or not all(isinstance(record, dict) for record in records):
        yield "records must be a tuple of dicts"
        return
    counted = [metric.n for metric in report.metrics if _is_count(metric.n)]
    if any(counted) and not records:
        yield f"it counts {max(counted)} examples, and has no record"
    if any(record.get("where") is None for record in records):
        yield "a record does not say where its example stands"
    for record in records:
        try:
            json.dumps(record, allow_nan=True)
        except (TypeError, ValueError, RecursionError) as error:
            yield f"the record of {record.get('where')} is no JSON: {error}"
            return


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
