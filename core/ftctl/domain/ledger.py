"""Ledger of a data set: every source row has exactly one state, and the totals add up."""

from collections import Counter
from typing import Any, Literal

from attrs import define, field, frozen

from ftctl.domain.outcome import DroppedState
from ftctl.errors import FtctlError

KEPT: Literal["kept"] = "kept"
State = Literal["kept"] | DroppedState


@frozen
class LedgerEntry:
    """Final state of one source row, or of a made row, which has ``parents``.

    ``operator`` is who dropped it, ``changed_by`` who changed it; ``duplicate_of`` is the row that it repeats, and
    ``byte`` where it begins in its file, in bytes from the beginning, where the source knows.
    """

    row: int
    where: str
    state: State
    byte: int | None = None
    split: str = ""
    operator: str = ""
    reason: str = ""
    duplicate_of: int | None = None
    changed_by: tuple[str, ...] = ()
    parents: tuple[str, ...] = ()
    excerpt: str = ""

    def document(self) -> dict[str, Any]:
        """Return the entry as JSON, without empty fields."""
        told: dict[str, Any] = {"row": self.row, "where": self.where, "state": self.state}
        for name in ("byte", "split", "operator", "reason", "duplicate_of", "changed_by", "parents", "excerpt"):
            value = getattr(self, name)
            if value not in ("", None, ()):
                told[name] = list(value) if isinstance(value, tuple) else value
        return told

    @classmethod
    def load(cls, told: dict[str, Any]) -> "LedgerEntry":
        """Return the entry that `document` wrote."""
        lists: dict[str, Any] = {name: tuple(told[name]) for name in ("changed_by", "parents") if name in told}
        return cls(**told | lists)


@define
class LedgerTotals:
    """Running totals, one entry a row; `check` refuses totals that do not add up."""

    rows: int = 0
    states: Counter[str] = field(factory=Counter)
    splits: Counter[str] = field(factory=Counter)
    reasons: Counter[str] = field(factory=Counter)

    def add(self, entry: LedgerEntry) -> None:
        """Count an entry."""
        self.rows += 1
        self.states[entry.state] += 1
        if entry.state == KEPT:
            self.splits[entry.split] += 1
        elif entry.reason:
            self.reasons[f"{entry.operator}: {entry.reason}" if entry.operator else entry.reason] += 1

    def check(self, rows_read: int) -> None:
        """Raise `FtctlError` unless every source row is counted once."""
        if not (rows_read == self.rows == self.states.total() and self.splits.total() == self.states[KEPT]):
            raise FtctlError(f"ledger does not add up: {rows_read} rows read, {dict(self.states)} recorded")

    def summary(self) -> dict[str, object]:
        """Return the table for the artifact and the report."""
        return {
            "rows": self.rows,
            "states": dict(sorted(self.states.items())),
            "splits": dict(sorted(self.splits.items())),
            "reasons": dict(self.reasons.most_common(20)),
        }
