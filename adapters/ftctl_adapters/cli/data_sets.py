"""Print data sets as text and as JSON."""

import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

from ftctl.application.dataset.inspect import RowHistory, difference, samples, why
from ftctl.application.find_dataset import KIND, find_dataset
from ftctl.domain.artifact import Artifact
from ftctl.domain.codec import to_plain
from ftctl.domain.example import Example
from ftctl.domain.ledger import LedgerEntry
from ftctl.errors import UsageError
from ftctl.ports.artifact_store import ArtifactStore
from ftctl_adapters.cli.tables import print_table
from ftctl_adapters.report.tables import data_rows, funnel_rows, length_rows

WIDTH = 160
"""Characters of a sample on a line."""


def store_of(workspace: Path) -> ArtifactStore:
    """Return the artifact store of a workspace."""
    from ftctl.private_workspace import private_workspace
    from ftctl_adapters.store.artifact_store import DiskArtifactStore

    return DiskArtifactStore(private_workspace(workspace))


def show_all(workspace: Path, as_json: bool) -> None:
    """List data sets, one line each."""
    store = store_of(workspace)
    tags = store.tags(KIND)
    documents = [_document(one, tags) for one in _data_sets(store)]
    for error in store.damaged():
        print(f"ftctl: {error.what}; {error.next_step}", file=sys.stderr)
    if as_json:
        print(json.dumps(documents, ensure_ascii=False))
        return
    rows = [[d["id"], d["made"], str(d["rows"]), *(str(d["splits"].get(s, 0)) for s in ("train", "validation", "test")),
             ", ".join(d["tags"]) or "–"] for d in documents]  # fmt: skip
    print_table([["data set", "made", "read", "train", "validation", "test", "tags"], *rows])


def show(workspace: Path, name: str | None, count: int, as_json: bool) -> None:
    """Print recipe, totals, funnel, lengths, and a few rows of each kind."""
    store = store_of(workspace)
    data = found_in(store, name)
    summary, shown = data.facts["summary"], samples(data, count)
    document = _document(data, store.tags(KIND)) | {"recipe": data.facts.get("recipe", {}), "summary": summary}
    if as_json:
        splits = {split: [row.to_row() for row in rows] for split, rows in shown.splits.items()}
        states = {state: [entry.document() for entry in entries] for state, entries in shown.states.items()}
        print(json.dumps(document | {"samples": {**splits, **states}}, ensure_ascii=False))
        return
    print(f"{data.id}  {document['made']}  {', '.join(document['tags'])}".rstrip())
    for operator, version, options in document["recipe"].get("recipe", ()):
        told = ", ".join(f"{key}={value}" for key, value in options.items() if value not in (None, [], {}, ""))
        print(f"  {operator.partition(':')[2]} {version}  {told}".rstrip())
    for rows in (data_rows(summary), funnel_rows(summary), length_rows(summary)):
        if len(rows) > 1:
            print()
            print_table(rows)
    for split, examples in shown.splits.items():
        _samples(split, [f"{row.where}  {_text(row)}" for row in examples])
    for state, entries in shown.states.items():
        _samples(state, [_entry(entry) for entry in entries])


def tell_why(workspace: Path, row: str, name: str | None, as_json: bool) -> None:
    """Print the history of every row with this name."""
    data = found_in(store_of(workspace), name)
    ways = why(data, row)
    if not ways:
        rows = data.facts["summary"]["rows"]
        raise UsageError(f"no row {row!r} in {data.id}", next_step=f"a number from 1 to {rows}, or a place like in "
                         "`ftctl data show`")  # fmt: skip
    if as_json:
        print(json.dumps([_way(way) for way in ways], ensure_ascii=False))
        return
    for way in ways:
        print(_entry(way.entry))
        if way.repeats:
            print(f"  it repeats {_entry(way.repeats)}")
        for made in way.made:
            print(f"  of it was made {_entry(made)}")


def compare(workspace: Path, old: str, new: str | None, as_json: bool) -> None:
    """Print rows added, removed and moved, and differences of the recipes."""
    store = store_of(workspace)
    one, other = found_in(store, old), found_in(store, new)
    found = difference(one, other)
    if as_json:
        rows = {kind: [row.to_row() for row in examples] for kind, examples in found.examples.items()}
        plain = {name: value for name, value in to_plain(found).items() if name != "examples"}
        print(json.dumps({"old": one.digest, "new": other.digest, **plain, "examples": rows}, ensure_ascii=False))
        return
    print(f"{one.id} → {other.id}: {found.same} rows are the same")
    for what in ("added", "removed", "moved"):
        for where, count in getattr(found, what).items():
            print(f"  {count} {what}: {where}")
        _samples(what, [f"{row.where}  {_text(row)}" for row in found.examples.get(what, ())])
    for line in found.recipe:
        print(f"  {line}")


def _data_sets(store: ArtifactStore) -> list[Artifact]:
    return sorted((one for one in store.artifacts() if one.kind == KIND), key=_stamp)


def found_in(store: ArtifactStore, name: str | None) -> Artifact:
    """Return the named data set, the newest one without a name, after a check of its hashes.

    Raises:
        UsageError: none or several are named so.
        ArtifactCorrupt: it is damaged.
    """
    there = [find_dataset(store, name)] if name is not None else _data_sets(store)
    if not there:
        raise UsageError("there is no data set here yet", next_step="ftctl data RUN.yaml makes one",
                         details=tuple(error.what for error in store.damaged()))  # fmt: skip
    store.verify(there[-1])
    return there[-1]


def _stamp(data: Artifact) -> float:
    return (Path(data.path) / "manifest.json").stat().st_mtime


def _document(data: Artifact, tags: dict[str, str]) -> dict[str, Any]:
    made = datetime.fromtimestamp(_stamp(data)).strftime("%Y-%m-%d %H:%M:%S")
    named = [name for name, digest in tags.items() if digest == data.digest]
    rows = data.facts["summary"]["rows"]
    return {"id": data.id, "digest": data.digest, "made": made, "tags": named, "rows": rows,
            "splits": data.facts["splits"]}  # fmt: skip


def _samples(title: str, lines: list[str]) -> None:
    if lines:
        print(f"\n{title}")
        for line in lines:
            print(f"  {line}")


def _text(row: Example) -> str:
    told = row.text or " ⏎ ".join(f"{turn.role}: {turn.said}" for turn in row.messages)
    told = told.replace("\n", " ")
    return told if len(told) <= WIDTH else f"{told[:WIDTH]}…"


def _entry(entry: LedgerEntry) -> str:
    """Describe a ledger entry in one line: row, place, state, and step."""
    byte = "" if entry.byte is None else f", byte {entry.byte}"
    fate = f"{entry.state} in {entry.split}" if entry.state == "kept" else entry.state
    who = f" by {entry.operator}" if entry.operator else ""
    why_not = f": {entry.reason}" if entry.reason else ""
    repeats = f", row {entry.duplicate_of}" if entry.duplicate_of is not None else ""
    changed = f"; changed by {', '.join(entry.changed_by)}" if entry.changed_by else ""
    parents = f"; made of {', '.join(entry.parents)}" if entry.parents else ""
    return f"row {entry.row} ({entry.where}{byte}) {fate}{who}{why_not}{repeats}{changed}{parents}"


def _way(way: RowHistory) -> dict[str, Any]:
    repeats = way.repeats.document() if way.repeats else None
    return way.entry.document() | {"repeats": repeats, "made": [one.document() for one in way.made]}
