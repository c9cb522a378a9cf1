"""From a source's rows to a data set: cleaned, split by seed, no content in two splits, every row accounted for."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from heapq import merge
from pathlib import Path
from typing import Any, TextIO

from attrs import define, evolve, field

from ftctl.application.dataset.flow import Flow, funnel
from ftctl.application.dataset.labour import Item, line
from ftctl.application.dataset.recipe import parts
from ftctl.application.dataset.row import Row
from ftctl.domain.artifact import Draft
from ftctl.domain.event import DATA_DESCRIBED, WARNING_RAISED
from ftctl.domain.ledger import KEPT, LedgerEntry, LedgerTotals
from ftctl.domain.lengths import Lengths
from ftctl.domain.split import SPLITS, SplitShares
from ftctl.errors import NoUsableRows, RowsInvalid
from ftctl.ports.context import StageContext
from ftctl.ports.data_operator import DataOperator
from ftctl.ports.data_source import DataSource
from ftctl.ports.engine import Engine

SHOWN = 200
"""How many refused rows an error lists; the rest are counted."""

REASONS = 10
"""How many reasons are told where no row is left, the most frequent first."""

PREFIX = 12
"""Characters that sort a line of the ledger while it is put together."""


def build_dataset(
    source: DataSource,
    shares: SplitShares,
    allowed: int,
    context: StageContext,
    steps: Sequence[tuple[str, DataOperator]] = (),
    engine: Engine | None = None,
) -> Draft:
    """Writes the splits, ``ledger.jsonl`` and ``rejects.jsonl`` into ``context.out``.

    ``derived.jsonl`` is the ledger of rows that were made, where there are any.

    Args:
        source: where rows come from.
        shares: of validation and test.
        allowed: how many quarantined rows are tolerated.
        context: where to write, and whom to tell; ``settings`` has ``data_seed`` and ``memory_bytes``.
        steps: the operators with their names, in their order.
        engine: who does the work; this process, where none is given.

    Raises:
        RowsInvalid: more rows were quarantined than allowed; lists them.
        NoUsableRows: no row is left to train on.
        TypeError: the source tells something that is no row.
    """
    way, notes = parts(steps, shares), list[str]()

    def heard(kind: str, **data: Any) -> None:
        if kind == DATA_DESCRIBED and "note" in data:
            notes.append(str(data["note"]))
        context.emit(kind, **data)

    flow_context = evolve(context, emit=heard)
    if engine:
        settings = context.settings | {"parts": engine.parts}
        flow_context = evolve(flow_context, spread=engine.spread, settings=settings)
    flow = Flow(way, flow_context, remote=bool(engine and engine.remote))
    last = context.work / "ledger-last"
    lengths = _publish(flow.run(source.examples(context)), context.out, last)
    book = _Book()
    book.write((*flow.ledgers, last), context.out)
    book.totals.check(flow.read)
    _refuse(book, allowed, context.out / "rejects.jsonl")
    for split in shares.wanted:
        if not book.splits[split]:
            text = f"no row fell into the {split} split: {book.totals.states[KEPT]} rows are too few for its share"
            context.emit(WARNING_RAISED, message=f"{text}; give more rows, or data_source.split.{split}: 0")
    made = {"derived": book.derived.summary()} if book.derived.rows else {}
    long = {split: found.document() for split, found in lengths.items() if found.rows}
    summary = book.totals.summary() | made | {"funnel": funnel(way, flow.counts), "lengths": long}
    summary |= {"notes": notes} if notes else {}
    context.emit(DATA_DESCRIBED, **summary)
    (context.out / "summary.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")
    return Draft("dataset", "jsonl", {"splits": book.splits, "summary": summary})


def _publish(items: Iterator[Item], out: Path, ledger: Path) -> dict[str, Lengths]:
    """Rows into their splits, and the last part of the ledger; how long rows of each split are."""
    lengths = {split: Lengths() for split in SPLITS}
    with ExitStack() as stack:
        files = {split: stack.enter_context(_open(out / f"{split}.jsonl")) for split in SPLITS}
        entries = stack.enter_context(_open(ledger))
        for item in items:
            entry = item
            if isinstance(item, Row):
                row = item.example
                files[item.split].write(json.dumps(row.to_row(), ensure_ascii=False) + "\n")
                lengths[item.split].add(len(row.text) + sum(len(turn.content) for turn in row.messages))
                entry = LedgerEntry(item.number, row.where, KEPT, item.byte, item.split,
                                    changed_by=item.changed, parents=row.parents)  # fmt: skip
            assert isinstance(entry, LedgerEntry)
            entries.write(line(entry))
    return lengths


def _open(path: Path) -> TextIO:
    return path.open("w", encoding="utf-8", newline="\n")


def _refuse(book: "_Book", allowed: int, rejects: Path) -> None:
    totals = book.totals
    bad = totals.states["quarantined"]
    if bad > allowed:
        more = (f"… and {bad - SHOWN} more",) if bad > SHOWN else ()
        raise RowsInvalid(
            f"{bad} of {totals.rows} rows cannot be used",
            next_step=f"correct them, or set data_source.skip_invalid to {bad}; all of them are in {rejects}",
            details=(*book.refused, *more),
        )
    if not book.splits["train"]:
        kept = totals.states[KEPT]
        raise NoUsableRows(
            f"0 usable rows to train on ({totals.rows} read, {kept} kept, none in train)",
            next_step="check the path, the format and the steps, or give smaller split shares",
            details=tuple(f"{count} rows: {reason}" for reason, count in totals.reasons.most_common(REASONS)),
        )


@define
class _Book:
    """The ledger as it is put together: input rows, and beside them rows that were made."""

    totals: LedgerTotals = field(factory=LedgerTotals)
    derived: LedgerTotals = field(factory=LedgerTotals)
    refused: list[str] = field(factory=list)

    @property
    def splits(self) -> dict[str, int]:
        """Rows of each split, made ones too."""
        return {split: self.totals.splits[split] + self.derived.splits[split] for split in SPLITS}

    def write(self, sorted_parts: Iterable[Path], out: Path) -> None:
        """``ledger.jsonl``, ``derived.jsonl`` and ``rejects.jsonl`` of parts whose lines are sorted by row."""
        with ExitStack() as stack:
            names = ("ledger", "derived", "rejects")
            files = {name: stack.enter_context(_open(out / f"{name}.jsonl")) for name in names}
            lines = [stack.enter_context(path.open(encoding="utf-8", newline="\n")) for path in sorted_parts]
            for text in merge(*lines, key=lambda line: line[:PREFIX]):
                told = json.loads(text[PREFIX:])
                excerpt = told.pop("excerpt", "")
                entry = LedgerEntry.load(told)
                (self.derived if entry.parents else self.totals).add(entry)
                _line(files["derived" if entry.parents else "ledger"], told)
                if entry.state == "quarantined":
                    _line(files["rejects"], {"where": entry.where, "reason": entry.reason, "excerpt": excerpt})
                    if len(self.refused) < SHOWN:
                        self.refused.append(f"{entry.where}: {entry.reason}")
        if not self.derived.rows:
            (out / "derived.jsonl").unlink()


def _line(file: TextIO, document: dict[str, Any]) -> None:
    file.write(json.dumps(document, ensure_ascii=False) + "\n")
