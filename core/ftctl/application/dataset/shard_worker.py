"""Process one shard of rows: a pure function of rows and recipe, run wherever the engine decides."""

import json
from array import array
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

from attrs import define, evolve, field, frozen

from ftctl.application.dataset.row import Row
from ftctl.application.dataset.step import Count, Step, apply
from ftctl.domain.example import Example
from ftctl.domain.ledger import LedgerEntry
from ftctl.domain.split import SPLITS
from ftctl.errors import FtctlError, RowsInvalid
from ftctl.ports.context import StageContext
from ftctl.ports.data_operator import RowOperator, SetOperator, SplitOperator

BATCH = 512
"""Rows that an operator is given at once."""

DIGEST = 16
"""Bytes of what a row shares with others."""

Item = Row | LedgerEntry
"""What flows: a row that goes on, or the entry of one that does not."""


@frozen
class ShardResult:
    """Result of a shard: rows that pass, as lines, with ``keys``, row ``numbers`` (int64) and ``belongs``; ``ledger``
    lines of the others; counts by step; events that operators emitted.

    ``belongs`` is a digest of what each row shares with rows that it must not be divided from; of its number where of
    nothing.
    """

    taken: int
    last: int
    rows: bytes = b""
    ledger: bytes = b""
    keys: bytes = b""
    numbers: bytes = b""
    belongs: bytes = b""
    counts: dict[str, Any] = field(factory=dict)
    events: list[tuple[str, dict[str, Any]]] = field(factory=list)
    error: dict[str, Any] | None = None


@define
class EventRecorder:
    """Recorder of events that operators emit where nobody listens."""

    events: list[tuple[str, dict[str, Any]]] = field(factory=list)

    def __call__(self, kind: str, **data: Any) -> None:
        self.events.append((kind, data))


def never() -> bool:
    """Return False: remote work is not interrupted, only discarded."""
    return False


@frozen
class ShardWorker:
    """Worker of one shard: applies the steps, and makes the last step's key for each row that passes."""

    steps: Sequence[Step]
    judge: SetOperator
    context: StageContext
    remote: bool = False

    def away(self) -> "ShardWorker":
        """Return a copy without state of this process, to be run in another one."""
        return evolve(
            self, context=evolve(self.context, emit=EventRecorder(), cancelled=never, spread=map), remote=True
        )

    def __call__(self, items: Sequence[Item]) -> ShardResult:
        if not self.remote:
            return self._done(items, self.context)
        context = evolve(self.context, emit=EventRecorder())
        try:
            return self._done(items, context)
        except FtctlError as error:
            return ShardResult(0, 0, error=error.to_json())

    def _done(self, items: Sequence[Item], context: StageContext) -> ShardResult:
        after, entries, counts, keys = list[Row](), list[LedgerEntry](), dict[str, Count](), bytearray()
        for start in range(0, len(items), BATCH):
            context.stop_if_cancelled()
            rows, without = through(self.steps, items[start : start + BATCH], counts, context)
            made = self.judge.keys([row.example for row in rows]) if rows else b""
            if len(made) != self.judge.width * len(rows):
                name, width = type(self.judge).__name__, self.judge.width
                raise TypeError(f"{name}.keys() must return {width} bytes for each of its rows")
            keys += made
            after += rows
            entries += sorted(without, key=number_of)
        return ShardResult(
            len(items),
            number_of(items[-1]),
            "".join(row.dump() for row in after).encode(),
            "".join(map(line, entries)).encode(),
            bytes(keys),
            array("q", [row.number for row in after]).tobytes(),
            b"".join(map(_belongs, after)),
            {name: count.document() for name, count in counts.items()},
            context.emit.events if isinstance(context.emit, EventRecorder) else [],
        )


def through(
    steps: Sequence[Step], items: Sequence[Item], counts: dict[str, Count], context: StageContext
) -> tuple[list[Row], list[LedgerEntry]]:
    """Run rows through steps; return the rows that pass and the ledger entries of those that do not."""
    rows = [item for item in items if isinstance(item, Row)]
    entries = [item for item in items if isinstance(item, LedgerEntry)]
    for step in steps:
        operator, own = step.operator, step.context(context)
        if isinstance(operator, SplitOperator):
            rows = [evolve(row, split=given_split(row.example, own) or operator.place(row.key, own)) for row in rows]
            continue
        assert isinstance(operator, RowOperator)
        rows, without = apply(step, operator, rows, counts.setdefault(step.name, Count()), own)
        entries += without
    return rows, entries


def given_split(row: Example, context: StageContext) -> str:
    """Return the split that a row names, if the recipe trusts it; else an empty text.

    Raises:
        RowsInvalid: it says something else.
    """
    field = context.settings.get("split_field")
    told = row.metadata.get(field) if field else None
    if told in (None, "") or told in SPLITS:
        return str(told or "")
    text = f"{row.where}: metadata.{field} names no split"
    raise RowsInvalid(text, next_step=f"say {', '.join(SPLITS)}, or leave it out")


def number_of(item: Item) -> int:
    """Return the number of the source row."""
    return item.number if isinstance(item, Row) else item.row


def line(entry: LedgerEntry) -> str:
    """Return the entry as one line, whose first 12 characters sort it."""
    return f"{entry.row:012d}{json.dumps(entry.document(), ensure_ascii=False)}\n"


def _belongs(row: Row) -> bytes:
    told = f"shared {row.belongs}" if row.belongs else f"{row.number} {row.example.where}"
    return blake2b(told.encode(), digest_size=DIGEST).digest()
