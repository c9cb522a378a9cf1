"""From a source's rows to a data set: split by seed, no duplicate in two splits, every row accounted for."""

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TextIO

from attrs import define, field

from ftctl.domain.artifact import Draft
from ftctl.domain.codec import to_plain
from ftctl.domain.event import DATA_DESCRIBED, PROGRESS_MADE, WARNING_RAISED
from ftctl.domain.example import Example, Rejection
from ftctl.domain.ledger import LedgerEntry, LedgerTotals
from ftctl.domain.split import SPLITS, SplitShares
from ftctl.errors import NoUsableRows, RowsInvalid
from ftctl.ports.context import StageContext
from ftctl.ports.data_source import DataSource

SHOWN = 200
"""How many refused rows an error lists; the rest are counted."""

PROGRESS_ROWS = 2000


def build_dataset(source: DataSource, shares: SplitShares, seed: int, allowed: int, context: StageContext) -> Draft:
    """Writes the splits, ``ledger.jsonl`` and ``rejects.jsonl`` into ``context.out``.

    Args:
        source: where rows come from.
        shares: of validation and test.
        seed: of the split.
        allowed: how many rejected rows are tolerated.
        context: where to write, and whom to tell.

    Raises:
        RowsInvalid: more rows were rejected than allowed; lists them.
        NoUsableRows: no row is left to train on.
        TypeError: the source tells something that is no row.
    """
    with ExitStack() as stack:
        names = (*SPLITS, "ledger", "rejects")
        files = {name: stack.enter_context(_open(context.out / f"{name}.jsonl")) for name in names}
        book = _Book(shares, seed, files)
        for row in source.examples(context):
            if not isinstance(row, Example | Rejection):
                raise TypeError(f"row {book.rows_read + 1} is a {type(row).__name__}, no Example and no Rejection")
            book.enter(row)
            if book.rows_read % PROGRESS_ROWS == 0:
                context.emit(PROGRESS_MADE, done=book.rows_read, unit="rows")
                context.stop_if_cancelled()
    book.totals.check(book.rows_read)
    _refuse(book, allowed, context.out / "rejects.jsonl")
    for split in book.shares.wanted:
        if not book.totals.splits[split]:
            text = f"no row fell into the {split} split: {book.totals.states['kept']} rows are too few for its share"
            context.emit(WARNING_RAISED, message=f"{text}; give more rows, or data_source.split.{split}: 0")
    summary = book.totals.summary()
    context.emit(DATA_DESCRIBED, **summary)
    (context.out / "summary.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")
    return Draft("dataset", "jsonl", {"splits": {s: book.totals.splits[s] for s in SPLITS}, "summary": summary})


def _open(path: Path) -> TextIO:
    return path.open("w", encoding="utf-8", newline="\n")


def _refuse(book: "_Book", allowed: int, rejects: Path) -> None:
    rejected = book.totals.states["rejected"]
    if rejected > allowed:
        more = (f"… and {rejected - SHOWN} more",) if rejected > SHOWN else ()
        raise RowsInvalid(
            f"{rejected} of {book.rows_read} rows cannot be used",
            next_step=f"correct them, or set data_source.skip_invalid to {rejected}; all of them are in {rejects}",
            details=(*book.refused, *more),
        )
    if not book.totals.splits["train"]:
        kept = book.totals.states["kept"]
        raise NoUsableRows(
            f"0 usable rows to train on ({book.rows_read} read, {kept} kept, none in train)",
            next_step="check the path and the format, or give smaller split shares",
        )


@define
class _Book:
    """The ledger while it is written."""

    shares: SplitShares
    seed: int
    files: dict[str, TextIO]
    rows_read: int = 0
    totals: LedgerTotals = field(factory=LedgerTotals)
    refused: list[str] = field(factory=list)
    seen: dict[str, int] = field(factory=dict)

    def enter(self, row: Example | Rejection) -> None:
        self.rows_read += 1
        entry = self.judge(row)
        self.totals.add(entry)
        self.write("ledger", {k: v for k, v in to_plain(entry).items() if v not in ("", None)})

    def judge(self, row: Example | Rejection) -> LedgerEntry:
        number = self.rows_read
        if isinstance(row, Rejection):
            self.write("rejects", {"where": row.where, "reason": row.reason, "excerpt": row.excerpt})
            if len(self.refused) < SHOWN:
                self.refused.append(f"{row.where}: {row.reason}")
            return LedgerEntry(number, row.where, "rejected", reason=row.reason)
        first = self.seen.setdefault(row.content_digest, number)
        if first != number:
            return LedgerEntry(number, row.where, "duplicate", duplicate_of=first)
        split = self.shares.place(row.group or row.content_digest, self.seed)
        self.write(split, row.to_row())
        return LedgerEntry(number, row.where, "kept", split=split)

    def write(self, name: str, document: dict[str, Any]) -> None:
        self.files[name].write(json.dumps(document, ensure_ascii=False) + "\n")
