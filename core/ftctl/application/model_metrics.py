"""Metrics of one model, with their per-example values."""

import json
from collections.abc import Mapping
from pathlib import Path
from statistics import fmean
from typing import Any

from attrs import field, frozen

from ftctl.domain.metric import Metric

SAMPLES = "*.samples.jsonl"


@frozen
class Measured:
    """Metrics of one model. ``folder`` holds the records of its evaluators; without it no per-example values are known.
    Equal places are equal examples in evaluations of the same ``data`` digest.
    """

    metrics: Mapping[str, Metric]
    folder: Path | None = None
    data: str = ""
    _read: dict[Path, list[dict[str, Any]]] = field(factory=dict, eq=False, repr=False)

    def examples(self, metric: str) -> dict[str, float]:
        """Return the metric's value by example place; empty if the records do not have it.

        Examples of one cluster are one observation, the mean of theirs.
        """
        for path in sorted(self.folder.glob(SAMPLES)) if self.folder else ():
            found = {str(one["where"]): float(one[metric]) for one in self._records(path) if _number(one.get(metric))}
            if found and len(found) == self.metrics[metric].n:
                return _together(found, self._records(path))
        return {}

    def _records(self, path: Path) -> list[dict[str, Any]]:
        if path not in self._read:
            with path.open(encoding="utf-8") as lines:
                self._read[path] = [json.loads(line) for line in lines]
        return self._read[path]


def _together(found: dict[str, float], records: list[dict[str, Any]]) -> dict[str, float]:
    clusters: dict[str, list[float]] = {}
    for record in records:
        where = str(record["where"])
        if where in found:
            clusters.setdefault(str(record.get("cluster", where)), []).append(found[where])
    return {name: fmean(values) for name, values in clusters.items()}


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
