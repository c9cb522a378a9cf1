"""The ledger of a data set: every input row ends in exactly one state, and the totals add up."""

from collections import Counter
from typing import Literal

from attrs import define, field, frozen

from ftctl.errors import FtctlError

State = Literal["kept", "duplicate", "rejected"]


@frozen
class LedgerEntry:
    """The fate of one input row."""

    row: int
    where: str
    state: State
    split: str = ""
    duplicate_of: int | None = None
    reason: str = ""


@define
class LedgerTotals:
    """A running count, one entry a row; `check` refuses totals that do not add up."""

    rows: int = 0
    states: Counter[str] = field(factory=Counter)
    splits: Counter[str] = field(factory=Counter)
    reasons: Counter[str] = field(factory=Counter)

    def add(self, entry: LedgerEntry) -> None:
        self.rows += 1
        self.states[entry.state] += 1
        if entry.state == "kept":
            self.splits[entry.split] += 1
        if entry.state == "rejected":
            self.reasons[entry.reason] += 1

    def check(self, rows_read: int) -> None:
        """Raises `FtctlError` unless every row that was read is counted once."""
        if not (rows_read == self.rows == self.states.total() and self.splits.total() == self.states["kept"]):
            raise FtctlError(f"ledger does not add up: {rows_read} rows read, {dict(self.states)} recorded")

    def summary(self) -> dict[str, object]:
        """The table that goes into the artifact and the report."""
        return {
            "rows": self.rows,
            "states": dict(sorted(self.states.items())),
            "splits": dict(sorted(self.splits.items())),
            "reasons": dict(self.reasons.most_common(20)),
        }
