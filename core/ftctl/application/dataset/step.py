"""An operator at its place in a recipe, and the counts of rows that passed it."""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from attrs import define, evolve, field, frozen

from ftctl.application.dataset.row import Row
from ftctl.domain.example import Example
from ftctl.domain.ledger import LedgerEntry
from ftctl.domain.outcome import Derived, Dropped, Outcome
from ftctl.errors import FtctlError
from ftctl.ports.context import StageContext
from ftctl.ports.data_operator import DataOperator, RowOperator


@frozen
class Step:
    """An operator at its place; ``name`` is numbered if the operator occurs twice.

    In a ``masked`` recipe nothing is kept that could quote a row: no excerpts, and no texts of errors.
    """

    name: str
    operator: DataOperator
    place: int
    masked: bool = False

    def context(self, context: StageContext) -> StageContext:
        """Return a context with a folder of its own for what must survive a crash."""
        work = context.work / f"step-{self.place}"
        work.mkdir(exist_ok=True)
        return evolve(context, work=work)


@define
class Count:
    """Counts of the rows that reached one step: changed, made, dropped by reason."""

    came: int = 0
    changed: int = 0
    made: int = 0
    dropped: Counter[str] = field(factory=Counter)

    def document(self) -> dict[str, Any]:
        """Return the counts as JSON."""
        told = {"rows": self.came, "changed": self.changed, "made": self.made, **self.dropped}
        return {name: count for name, count in told.items() if count or name == "rows"}

    def add(self, told: dict[str, int]) -> None:
        """Add the counts that `document` returned for other rows."""
        rest = dict(told)
        self.came += rest.pop("rows")
        self.changed += rest.pop("changed", 0)
        self.made += rest.pop("made", 0)
        self.dropped.update(rest)


def apply(
    step: Step, operator: RowOperator, rows: Sequence[Row], count: Count, context: StageContext
) -> tuple[list[Row], list[LedgerEntry]]:
    """Return the rows that pass, made ones after their parents, and the ledger entries of the others."""
    concerned = [row for row in rows if not operator.derives or row.split == "train"]
    outcomes = iter(_outcomes(operator, [row.example for row in concerned], step, context))
    after: list[Row] = []
    entries: list[LedgerEntry] = []
    for row in rows:
        if operator.derives and row.split != "train":
            after.append(row)
            continue
        count.came += 1
        outcome = next(outcomes)
        if isinstance(outcome, Dropped):
            count.dropped[outcome.state] += 1
            reason = unquoted(outcome.reason) if step.masked else outcome.reason
            entries.append(dropped(row, outcome.state, step.name, reason))
            continue
        one = outcome.example if isinstance(outcome, Derived) else outcome
        changed = one != row.example
        count.changed += changed
        after.append(evolve(row, example=one, changed=(*row.changed, step.name)) if changed else row)
        if isinstance(outcome, Derived):
            count.made += len(outcome.made)
            after += [_made(row, further, step, place) for place, further in enumerate(outcome.made, 1)]
    return after, entries


def dropped(row: Row, state: Any, operator: str, reason: str, duplicate_of: int | None = None) -> LedgerEntry:
    """Return the ledger entry of a row that is dropped."""
    return LedgerEntry(
        row.number,
        row.example.where,
        state,
        row.byte,
        row.split,
        operator,
        reason,
        duplicate_of,
        row.changed,
        row.example.parents,
    )


_QUOTED = re.compile(r"""['"`].*|(?<=keys ).*|(?<=range: ).*""", re.DOTALL)


def unquoted(reason: str) -> str:
    """Return the reason without anything quoted from the row: values, key names, numbers."""
    return _QUOTED.sub("…", reason)


def _made(row: Row, example: Example, step: Step, place: int) -> Row:
    where = f"{row.example.where}+{step.name}.{place}"
    parents = (*row.example.parents, row.example.where)
    one = evolve(example, where=where, byte=None, group=row.example.group, parents=parents)
    return Row(row.number, one, None, (), row.cluster, row.split)


def _outcomes(operator: RowOperator, rows: Sequence[Example], step: Step, context: StageContext) -> list[Outcome]:
    """Process a batch; an exception rejects only the row that raised it."""
    if not rows:
        return []
    try:
        return _checked(operator.process(rows, context), len(rows), step)
    except (FtctlError, MemoryError, OSError):
        raise  # what it says about all rows
    except Exception as error:
        if len(rows) == 1:
            said = "" if step.masked else f": {error}"
            return [Dropped("quarantined", f"{step.name} failed: {type(error).__name__}{said}"[:300])]
        return [outcome for row in rows for outcome in _outcomes(operator, [row], step, context)]


def _checked(outcomes: Sequence[Outcome], count: int, step: Step) -> list[Outcome]:
    found = list(outcomes)
    if len(found) != count or not all(isinstance(one, Example | Dropped | Derived) for one in found):
        raise TypeError(f"{step.name} must return an outcome for each of {count} rows")
    return found
