"""Inspect a stored data set: its ledger, the history of a row, the difference from another."""

import json
from collections import Counter
from collections.abc import Iterator
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Any

from attrs import field, frozen

from ftctl.domain.artifact import Artifact
from ftctl.domain.codec import canonical
from ftctl.domain.example import Example
from ftctl.domain.ledger import LedgerEntry
from ftctl.domain.split import SPLITS
from ftctl.plugin.dataset import read_split

SAMPLES = 3
"""Of each state and split."""


def ledger(data: Artifact, name: str = "ledger") -> Iterator[LedgerEntry]:
    """Yield the entries of ``ledger`` (source rows) and ``derived`` (made rows) in row order."""
    path = Path(data.path) / f"{name}.jsonl"
    if path.exists():
        with path.open(encoding="utf-8") as lines:
            yield from (LedgerEntry.load(json.loads(line)) for line in lines)


@frozen
class Samples:
    """A few rows of each split, and of each state that is not ``kept`` a few entries."""

    splits: dict[str, list[Example]] = field(factory=dict)
    states: dict[str, list[LedgerEntry]] = field(factory=dict)


def samples(data: Artifact, count: int = SAMPLES) -> Samples:
    """Return the first rows of each split, and the first ledger entries of each other state."""
    found = Samples({split: list(read_split(data, split, limit=count)) for split in SPLITS})
    wanted = {state for state in data.facts["summary"]["states"] if state != "kept"}
    for entry in ledger(data) if wanted else ():
        if entry.state in wanted:
            listed = found.states.setdefault(entry.state, [])
            listed.append(entry)
            if len(listed) == count:
                wanted.discard(entry.state)
                if not wanted:
                    break
    return found


@frozen
class RowHistory:
    """The history of one source row: its entry, the entry it duplicates, and the rows derived from it."""

    entry: LedgerEntry
    repeats: LedgerEntry | None
    made: tuple[LedgerEntry, ...]


def why(data: Artifact, row: str) -> list[RowHistory]:
    """Return the histories of the rows with this number, place, or end of a place (``train.jsonl:17``)."""
    found = [entry for entry in chain(ledger(data), ledger(data, "derived")) if _called(entry, row)]
    numbers = {entry.duplicate_of for entry in found if entry.duplicate_of is not None}
    firsts = {entry.row: entry for entry in ledger(data) if entry.row in numbers} if numbers else {}
    places = {entry.where for entry in found}
    made = [entry for entry in ledger(data, "derived") if places & set(entry.parents)]
    return [
        RowHistory(entry, firsts.get(entry.duplicate_of or 0), tuple(one for one in made if entry.where in one.parents))
        for entry in found
    ]


def _called(entry: LedgerEntry, row: str) -> bool:
    if row.isdecimal():
        return entry.row == int(row) and not entry.parents
    return entry.where == row or entry.where.endswith((f"/{row}", f":{row}")) or row.endswith(f"/{entry.where}")


@frozen
class Difference:
    """Rows added and removed between two data sets, by content; ``moved`` maps ``train → test`` to a count."""

    added: dict[str, int]
    removed: dict[str, int]
    moved: dict[str, int]
    same: int
    recipe: list[str]
    examples: dict[str, list[Example]]


def difference(old: Artifact, new: Artifact, count: int = SAMPLES) -> Difference:
    """Compare two data sets by content, regardless of order and place; about 100 bytes a row of the old one."""
    before = {_digest(row): split for split in SPLITS for row in read_split(old, split)}
    added, moved, same = Counter[str](), Counter[str](), 0
    shown: dict[str, list[Example]] = {"added": [], "removed": []}
    for split in SPLITS:
        for row in read_split(new, split):
            was = before.pop(_digest(row), None)
            if was is None:
                added[split] += 1
                shown["added"] += [row] if len(shown["added"]) < count else []
            elif was != split:
                moved[f"{was} → {split}"] += 1
            else:
                same += 1
    gone = (row for split in SPLITS for row in read_split(old, split) if _digest(row) in before)
    shown["removed"] = [row for row, _ in zip(gone, range(count), strict=False)]
    removed = dict(Counter(before.values()))
    return Difference(dict(added), removed, dict(moved), same, _recipes(old.facts, new.facts), shown)


def _digest(row: Example) -> bytes:
    return blake2b(canonical([row.content_digest, row.metadata, row.group]), digest_size=16).digest()


def _recipes(old: dict[str, Any], new: dict[str, Any]) -> list[str]:
    """List the recipe keys that differ, one line each, in the words of the run file."""
    told = [_flat(facts.get("recipe", {})) for facts in (old, new)]
    lines = []
    for key in sorted(told[0].keys() | told[1].keys()):
        was, now = (one.get(key, "–") for one in told)
        if was != now:
            lines.append(f"{key}: {was} → {now}")
    return lines


def _flat(recipe: dict[str, Any]) -> dict[str, str]:
    found = {name: json.dumps(value) for name, value in recipe.items() if name != "recipe"}
    for place, (name, version, options) in enumerate(recipe.get("recipe", ())):
        found[f"[{place}]"] = f"{name} {version}"
        found |= {f"[{place}].{key}": json.dumps(value, ensure_ascii=False) for key, value in options.items()}
    return found
