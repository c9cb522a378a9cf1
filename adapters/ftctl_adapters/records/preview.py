"""Preview a source's rows as training will read them, with its keys by use and the mapping to copy."""

import tempfile
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from attrs import define, field

from ftctl.domain.event import DATA_DESCRIBED
from ftctl.domain.example import Example, Rejection
from ftctl.ports import DataSource
from ftctl.ports.context import StageContext

READ = 1000
"""Rows that a preview reads."""


@define
class SourcePreview:
    """``rows`` are the first examples, ``refused`` counts reasons, ``keys`` counts rows by use and key."""

    rows: list[Example] = field(factory=list)
    read: int = 0
    refused: Counter[str] = field(factory=Counter)
    places: dict[str, str] = field(factory=dict)
    """The first place of each reason."""
    formats: dict[str, int] = field(factory=dict)
    keys: dict[str, dict[str, int]] = field(factory=dict)
    whole: bool = True
    """Whether all rows were read."""

    def document(self) -> dict[str, Any]:
        """Return the preview as JSON."""
        refused = [{"reason": why, "rows": count, "first": self.places[why]} for why, count in self.refused.items()]
        return {
            "rows_read": self.read,
            "all_rows": self.whole,
            "formats": self.formats,
            "keys": self.keys,
            "refused": refused,
            "rows": [row.to_row() for row in self.rows],
        }


def preview_source(source: DataSource, count: int) -> SourcePreview:
    """Read the first rows of a source; nothing is kept.

    Args:
        source: ready to be read.
        count: examples to show.
    """
    found = SourcePreview()

    def hear(kind: str, **data: Any) -> None:
        if kind == DATA_DESCRIBED:
            found.formats |= data.get("formats", {})
            uses = {use.removeprefix("keys_"): keys for use, keys in data.items() if use.startswith("keys_")}
            found.keys |= uses

    with tempfile.TemporaryDirectory() as folder:
        context = StageContext(Path(folder), Path(folder), 0, hear, lambda: False, {"data_seed": 0})
        rows = source.examples(context)
        for row in islice(rows, READ):
            _note(found, row, count)
        found.whole = next(rows, None) is None
        _close(rows)
    return found


def _note(found: SourcePreview, row: Example | Rejection, count: int) -> None:
    found.read += 1
    if isinstance(row, Rejection):
        found.refused[row.reason] += 1
        found.places.setdefault(row.reason, row.where)
    elif len(found.rows) < count:
        found.rows.append(row)


def _close(rows: Iterator[Example | Rejection]) -> None:
    """End a source that has rows left, so that it tells what it read."""
    close = getattr(rows, "close", None)
    if close:
        close()
