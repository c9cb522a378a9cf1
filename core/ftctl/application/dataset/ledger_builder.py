"""Build the ledger in row order, and the error that lists refused rows."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from heapq import merge
from pathlib import Path
from typing import Any, TextIO

from attrs import define, field

from ftctl.domain.ledger import LedgerEntry, LedgerTotals
from ftctl.domain.split import SPLITS

REASONS = 200
"""Of how many reasons an error says where they were met; the rest are counted."""

PLACES = 3
"""How many places it names for each."""

PREFIX = 12
"""Characters that sort a line of the ledger while it is put together."""


@define
class Refused:
    """Rows that cannot be used, by reason."""

    counts: Counter[str] = field(factory=Counter)
    places: dict[str, list[str]] = field(factory=dict)
    others: int = 0

    def add(self, entry: LedgerEntry) -> None:
        """Count a rejected row; keep the first place of each reason, up to `REASONS` reasons."""
        if entry.reason not in self.places and len(self.places) == REASONS:
            self.others += 1
            return
        self.counts[entry.reason] += 1
        places = self.places.setdefault(entry.reason, [])
        if len(places) < PLACES:
            places.append(entry.where)

    def lines(self) -> Iterator[str]:
        """Yield one line a reason: its first place and its count."""
        for reason, places in self.places.items():
            count = self.counts[reason] - len(places)
            more = f" and {count} more" if count else ""
            yield f"{', '.join(places)}{more}: {reason}"
        if self.others:
            yield f"… and {self.others} more, for other reasons"


@define
class LedgerBuilder:
    """The ledger under construction: source rows, and rows made from them."""

    totals: LedgerTotals = field(factory=LedgerTotals)
    derived: LedgerTotals = field(factory=LedgerTotals)
    refused: Refused = field(factory=Refused)

    @property
    def splits(self) -> dict[str, int]:
        """Return the number of rows of each split, made ones included."""
        return {split: self.totals.splits[split] + self.derived.splits[split] for split in SPLITS}

    def write(self, sorted_parts: Iterable[Path], out: Path) -> None:
        """Write ``ledger.jsonl``, ``derived.jsonl`` and ``rejects.jsonl`` from parts whose lines are sorted by row."""
        with ExitStack() as stack:
            names = ("ledger", "derived", "rejects")
            files = {name: stack.enter_context(text_file(out / f"{name}.jsonl")) for name in names}
            lines = [stack.enter_context(path.open(encoding="utf-8", newline="\n")) for path in sorted_parts]
            for text in merge(*lines, key=lambda line: line[:PREFIX]):
                told = json.loads(text[PREFIX:])
                excerpt = told.pop("excerpt", "")
                entry = LedgerEntry.load(told)
                (self.derived if entry.parents else self.totals).add(entry)
                _line(files["derived" if entry.parents else "ledger"], told)
                if entry.state == "quarantined":
                    _line(files["rejects"], {"where": entry.where, "reason": entry.reason, "excerpt": excerpt})
                    self.refused.add(entry)
        if not self.derived.rows:
            (out / "derived.jsonl").unlink()


def _line(file: TextIO, document: dict[str, Any]) -> None:
    file.write(json.dumps(document, ensure_ascii=False) + "\n")


def text_file(path: Path) -> TextIO:
    """Open a text file for writing, with the same bytes on every machine."""
    return path.open("w", encoding="utf-8", newline="\n")
