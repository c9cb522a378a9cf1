"""Build a data set from a source: cleaned, split by seed, without duplicates across splits, every row recorded."""

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from io import TextIOWrapper
from pathlib import Path
from typing import TextIO

from attrs import evolve

from ftctl.application.dataset.drop_warnings import drop_warnings
from ftctl.application.dataset.ledger_builder import LedgerBuilder, text_file
from ftctl.application.dataset.pipeline import Pipeline, funnel
from ftctl.application.dataset.recipe import parts
from ftctl.application.dataset.row import Row
from ftctl.application.dataset.row_keys import Described
from ftctl.application.dataset.shard_worker import Item, line
from ftctl.application.dataset.split_warnings import split_warnings
from ftctl.domain.artifact import Draft
from ftctl.domain.event import DATA_DESCRIBED, WARNING_RAISED
from ftctl.domain.ledger import KEPT, LedgerEntry
from ftctl.domain.length_summary import Lengths
from ftctl.domain.split import SPLITS, SplitShares
from ftctl.errors import NoUsableRows, RowsInvalid
from ftctl.ports.context import StageContext
from ftctl.ports.data_operator import DataOperator, SealOperator
from ftctl.ports.data_source import DataSource
from ftctl.ports.engine import Engine

UNMAPPED = "no known format"
"""How the reason of rows begins whose columns are called otherwise than any format's."""

REASONS = 10
"""How many reasons are told where no row is left, the most frequent first."""


def build_dataset(
    source: DataSource,
    shares: SplitShares,
    allowed: int,
    context: StageContext,
    steps: Sequence[tuple[str, DataOperator]] = (),
    engine: Engine | None = None,
) -> Draft:
    """Write the splits, ``ledger.jsonl`` and ``rejects.jsonl`` into ``context.out``.

    Splits end in ``.enc`` where the last of the ``steps`` encrypts them. ``derived.jsonl`` is the ledger of rows that
    were made, where there are any.

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
    seal = steps[-1][1] if steps and isinstance(steps[-1][1], SealOperator) else None
    way = parts(steps[:-1] if seal else steps, shares, sealed=seal is not None)
    heard = Described(context.emit, sealed=seal is not None)
    flow_context = evolve(context, emit=heard)
    if engine:
        settings = context.settings | {"parts": engine.parts}
        flow_context = evolve(flow_context, spread=engine.spread, settings=settings)
    flow = Pipeline(way, flow_context, remote=bool(engine and engine.remote), seal=seal)
    last = context.work / "ledger-last"
    lengths = _publish(flow.run(source.examples(evolve(context, emit=heard))), context.out, last, seal)
    book = LedgerBuilder()
    book.write((*flow.ledgers, last), context.out)
    book.totals.check(flow.read)
    _refuse(book, allowed, context.out / "rejects.jsonl")
    steps_told = funnel(way, flow.counts)
    dropped = drop_warnings(steps_told, context.out / "ledger.jsonl")
    for warning in (*split_warnings(way, context, book.splits), *heard.shortfalls(), *dropped):
        context.emit(WARNING_RAISED, message=warning)
    made = {"derived": book.derived.summary()} if book.derived.rows else {}
    long = {split: found.document() for split, found in lengths.items() if found.rows}
    summary = book.totals.summary() | made | {"funnel": steps_told, "lengths": long}
    summary |= heard.document()
    context.emit(DATA_DESCRIBED, **summary)
    (context.out / "summary.json").write_text(json.dumps(summary, indent=1), encoding="utf-8")
    return Draft("dataset", "jsonl", {"splits": book.splits, "summary": summary})


def _publish(items: Iterator[Item], out: Path, ledger: Path, seal: SealOperator | None) -> dict[str, Lengths]:
    """Write rows to their splits and the last part of the ledger; return row lengths by split."""
    lengths = {split: Lengths() for split in SPLITS}
    with ExitStack() as stack:
        files = {split: stack.enter_context(_open_split(out, split, seal)) for split in SPLITS}
        entries = stack.enter_context(text_file(ledger))
        for item in items:
            entry = item
            if isinstance(item, Row):
                row = item.example
                files[item.split].write(json.dumps(row.to_row(), ensure_ascii=False) + "\n")
                lengths[item.split].add(len(row.text) + sum(len(turn.said) for turn in row.messages))
                entry = LedgerEntry(item.number, row.where, KEPT, item.byte, item.split,
                                    changed_by=item.changed, parents=row.parents)  # fmt: skip
            assert isinstance(entry, LedgerEntry)
            entries.write(line(entry))
    return lengths


def _open_split(out: Path, split: str, seal: SealOperator | None) -> TextIO:
    if seal is None:
        return text_file(out / f"{split}.jsonl")
    return TextIOWrapper(seal.sealing((out / f"{split}.jsonl.enc").open("wb")), "utf-8", newline="\n")


def _refuse(book: LedgerBuilder, allowed: int, rejects: Path) -> None:
    totals = book.totals
    bad = totals.states["quarantined"]
    if bad > allowed:
        lines, allow = tuple(book.refused.lines()), f", or set data_source.skip_invalid to {bad}"
        step = f"correct them{allow if bad < totals.rows else ''}; all of them are in {rejects}"
        if bad == totals.rows and UNMAPPED in lines[0]:
            file = lines[0].partition(",")[0].rpartition(":")[0]
            step = f"`ftctl data preview {file}` shows its columns, and guesses a mapping to copy"
        raise RowsInvalid(f"{bad} of {totals.rows} rows cannot be used", next_step=step, details=lines)
    if not book.splits["train"]:
        kept = totals.states[KEPT]
        raise NoUsableRows(
            f"0 usable rows to train on ({totals.rows} read, {kept} kept, none in train)",
            next_step="check the path, the format and the steps, or give smaller split shares",
            details=tuple(f"{count} rows: {reason}" for reason, count in totals.reasons.most_common(REASONS)),
        )
