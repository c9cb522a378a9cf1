"""Data contract: declared rules for rows, and their violations."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from attrs import define, field

from ftctl.domain.example import Example, Rejection
from ftctl.plugin.options import option, options

TYPES: dict[str, Any] = {"text": str, "number": int | float, "whole": int, "flag": bool, "list": list, "mapping": dict}
KINDS = ("any", "messages", "text", "preference")


@options
class Rules:
    """The contract of a data set: the keys of its file."""

    kind: str = option("any", help="Kind of every row.", choices=KINDS)
    roles: tuple[str, ...] = option((), help="Roles that turns may have; left out: any.")
    system: str = option("optional", help="System message.", choices=("optional", "required", "forbidden"))
    min_turns: int = option(0, help="Fewest turns, without the system message.", ge=0)
    max_turns: int | None = option(None, help="Most turns, without the system message.", ge=1)
    min_chars: int = option(0, help="Fewest characters of a row's texts together.", ge=0)
    max_chars: int | None = option(None, help="Most characters of a row's texts together.", ge=1)
    metadata: dict[str, str] = option({}, help=f"Fields that every row has, with their types: {', '.join(TYPES)}.")
    closed: bool = option(False, help="Forbid other metadata fields.")
    group: str = option("optional", help="The row's group.", choices=("optional", "required"))
    min_rows: int = option(1, help="Fewest rows.", ge=0)
    max_rows: int | None = option(None, help="Most rows.", ge=1)
    duplicates: int = option(0, help="Largest number of rows that repeat an earlier one.", ge=0)
    unusable: int = option(0, help="Largest number of invalid rows.", ge=0)
    against: tuple[str, ...] = option((), help="Files with evaluation items that no row may share runs of words with.")
    ngram: int = option(13, help="Words of such a run.", ge=3, le=64)
    overlap: int = option(0, help="Largest number of rows that share an n-gram with `against`.", ge=0)

    def problems(self) -> list[str]:
        """Return what is wrong with the contract itself, one line each."""
        return [f"metadata.{name}: must be one of {', '.join(TYPES)}, not {kind!r}"
                for name, kind in self.metadata.items() if kind not in TYPES]  # fmt: skip


@define
class Checked:
    """Result of a validation; ``violations`` are lines with the row's place."""

    rows: int = 0
    violations: list[str] = field(factory=list)
    counts: Counter[str] = field(factory=Counter)


def check(rows: Iterable[Example | Rejection], rules: Rules, shared: Iterable[tuple[str, str]] = ()) -> Checked:
    """Return every violation, of single rows and of all rows together.

    Args:
        rows: what is checked.
        rules: the contract.
        shared: place and reason of each row that an evaluation set has too.
    """
    found, seen = Checked(), dict[str, str]()
    for row in rows:
        found.rows += 1
        if isinstance(row, Rejection):
            _limited(found, "unusable", f"{row.where}: {row.reason}", rules.unusable)
            continue
        found.violations += [f"{row.where}: {problem}" for problem in _problems(row, rules)]
        first = seen.setdefault(row.content_digest, row.where)
        if first != row.where:
            _limited(found, "duplicates", f"{row.where}: says the same as {first}", rules.duplicates)
    for where, reason in shared:
        _limited(found, "overlap", f"{where}: {reason}", rules.overlap)
    if found.rows < rules.min_rows:
        found.violations.append(f"{found.rows} rows; at least {rules.min_rows} are asked for")
    if rules.max_rows is not None and found.rows > rules.max_rows:
        found.violations.append(f"{found.rows} rows; at most {rules.max_rows} are allowed")
    return found


def _limited(found: Checked, what: str, line: str, allowed: int) -> None:
    """Count a violation; record its line once more than ``allowed`` were found."""
    found.counts[what] += 1
    if found.counts[what] > allowed:
        found.violations.append(line)


def _problems(row: Example, rules: Rules) -> Iterator[str]:
    kind = "preference" if row.rejected else "messages" if row.messages else "text"
    if rules.kind not in ("any", kind):
        yield f"is {kind}, not {rules.kind}"
    if row.messages:
        yield from _turn_problems(row, rules)
    characters = len(row.text) + sum(len(turn.said) for turn in row.messages)
    if characters < rules.min_chars:
        yield f"{characters} characters; at least {rules.min_chars}"
    if rules.max_chars is not None and characters > rules.max_chars:
        yield f"{characters} characters; at most {rules.max_chars}"
    if rules.group == "required" and not row.group:
        yield "has no group"
    yield from _metadata_problems(row.metadata, rules)


def _turn_problems(row: Example, rules: Rules) -> Iterator[str]:
    turns = [turn.role for turn in row.messages if turn.role != "system"]
    strange = sorted({turn.role for turn in row.messages} - set(rules.roles)) if rules.roles else []
    if strange:
        yield f"role {', '.join(strange)}; allowed: {', '.join(rules.roles)}"
    has_system = len(turns) < len(row.messages)
    if (rules.system, has_system) in (("required", False), ("forbidden", True)):
        yield f"a system turn is {rules.system}"
    if len(turns) < rules.min_turns:
        yield f"{len(turns)} turns; at least {rules.min_turns}"
    if rules.max_turns is not None and len(turns) > rules.max_turns:
        yield f"{len(turns)} turns; at most {rules.max_turns}"


def _metadata_problems(metadata: dict[str, Any], rules: Rules) -> Iterator[str]:
    for name, kind in rules.metadata.items():
        value = metadata.get(name)
        if name not in metadata:
            yield f"metadata.{name} is missing"
        elif not isinstance(value, TYPES[kind]) or (isinstance(value, bool) and kind != "flag"):
            yield f"metadata.{name} is {type(value).__name__}, not {kind}"
    if rules.closed:
        yield from (
            f"metadata.{name} is not in the contract" for name in sorted(metadata.keys() - rules.metadata.keys())
        )
