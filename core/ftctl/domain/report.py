"""Report of an evaluator: metrics, and one record an example."""

from typing import Any

from attrs import field, frozen

from ftctl.domain.metric import Metric


@frozen
class Report:
    """Result of one evaluator on one model; ``notes`` carries e.g. a metric's signature."""

    evaluator: str
    metrics: tuple[Metric, ...]
    records: tuple[dict[str, Any], ...] = ()
    notes: dict[str, str] = field(factory=dict)
