"""``ftctl data preview``."""

import json
from itertools import islice
from pathlib import Path
from typing import Any

import click
from attrs import frozen

from ftctl.application.app import App
from ftctl.application.backend_calls import instantiate
from ftctl.application.resolve import resolve_one
from ftctl.domain.codec import to_plain
from ftctl.domain.example import Example, Message
from ftctl.errors import RowsInvalid
from ftctl.ports import DataSource
from ftctl_adapters.cli.options import json_option, set_option
from ftctl_adapters.cli.tables import print_table

USES = {
    "used": "rendered and trained",
    "kept": "metadata, not trained",
    "ignored": "left out by ignore_keys",
    "unreadable": "left out: no plain value",
}
CSV = (".csv", ".tsv")
GUESSED = ("jsonl", "csv")
"""Sources whose rows are mapped by a guess where no format is known."""
SHOWN, EXCERPT = 5, 400
"""Reasons, and characters of a turn, that are shown."""


@frozen
class _Previewed:
    entry: dict[str, Any]
    guessed: bool
    found: Any


@click.command()
@click.argument("path", metavar="FILE")
@click.option("--rows", default=3, show_default=True, type=click.IntRange(0), help="Rows to show.")
@set_option
@json_option
def command(path: str, rows: int, settings: tuple[str, ...], as_json: bool) -> None:
    """Show how FILE will be read: its format, keys by use, rows, and the `data_source` to copy into a run file.

    FILE is anything that `data_source.path` takes, or a data set of the hub (org/name). Where no format is known, a
    mapping is guessed. `--set data_source.names.prompt=question` tries another one. Reads the first 1,000 rows.
    """
    from ftctl_adapters.bootstrap import build_app
    from ftctl_adapters.config.dump import dump_yaml

    app = build_app(Path(".ftctl").absolute())
    entry, dialect = _with_dialect(_entry(path, settings))
    if dialect and not as_json:
        print(f"{path}: {dialect}")
    shown = _previewed(app, entry, rows)
    source = shown.entry | ({"format": next(iter(shown.found.formats))} if len(shown.found.formats) == 1 else {})
    if as_json:
        print(
            json.dumps(shown.found.document() | {"guessed": shown.guessed, "data_source": source}, ensure_ascii=False)
        )
    else:
        _show(path, shown)
        if shown.found.rows:
            print(f"\n{dump_yaml({'data_source': source})}", end="")
    if not shown.found.formats and shown.found.refused:
        why = shown.found.refused.most_common(1)[0][0]
        step = "do what the reason says"
        if why.startswith("no known format"):
            step = "name its columns: --set data_source.names.prompt=COLUMN --set data_source.names.completion=COLUMN"
        raise RowsInvalid(f"{path}: none of {shown.found.read} rows can be read: {why}", next_step=step)


def _entry(path: str, settings: tuple[str, ...]) -> dict[str, Any]:
    from ftctl_adapters.config.compose import apply_setting
    from ftctl_adapters.modeling.reference import HUB_NAME

    hub = HUB_NAME.fullmatch(path) and not Path(path).exists()
    source = {"use": "hub", "repo": path} if hub else {"use": "jsonl", "path": path}
    document: dict[str, Any] = {"data_source": source}
    for setting in settings:
        apply_setting(document, setting)
    found: dict[str, Any] = document["data_source"]
    return found


def _with_dialect(entry: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the entry for a CSV file with its guessed dialect, and a sentence about that; options given stay."""
    file = Path(str(entry.get("path", "")))
    if file.suffix.lower() not in CSV or not file.is_file() or "delimiter" in entry:
        return entry, ""
    from ftctl_adapters.records.csv_dialect import csv_dialect

    found = csv_dialect(lambda: file.open("rb"), str(file))
    if found is None:
        return entry, ""
    return {
        **entry,
        "use": "csv",
        **found.options(),
        **{k: v for k, v in entry.items() if k != "use"},
    }, found.sentence()


def _previewed(app: App, entry: dict[str, Any], rows: int) -> _Previewed:
    """Preview with the given mapping, or with a guessed one where nothing can be read and none was given."""
    from ftctl_adapters.records.preview import preview_source

    found = preview_source(_source(app, entry), rows)
    if found.formats or entry.keys() & {"names", "turn_names", "roles", "format"} or entry["use"] not in GUESSED:
        return _Previewed(entry, False, found)
    guess = _guess(app, entry)
    if guess:
        tried = preview_source(_source(app, entry | guess), rows)
        if tried.formats:
            return _Previewed(entry | guess, True, tried)
    return _Previewed(entry, False, found)


def _source(app: App, entry: dict[str, Any]) -> DataSource:
    backend, _ = resolve_one("data_source", entry, {}, app.registry, app.environments)
    source = instantiate(backend)
    assert isinstance(source, DataSource)
    return source


def _guess(app: App, entry: dict[str, Any]) -> dict[str, Any]:
    """Return the options of a guessed mapping; empty without a guess."""
    from ftctl_adapters.records.guess_mapping import guess_mapping
    from ftctl_adapters.records.tables import Placed

    source: Any = _source(app, entry)
    raw = [row.values for row in islice(source.raw_rows(), 200) if isinstance(row, Placed)]
    found = guess_mapping(raw) if raw else None
    return {key: value for key, value in to_plain(found).items() if value} if found else {}


def _show(path: str, shown: _Previewed) -> None:
    found = shown.found
    formats = ", ".join(f"{name} ({count})" for name, count in found.formats.items()) or "none"
    which = "all" if found.whole else "the first"
    guess = "; no format was known, so the mapping below is a guess" if shown.guessed else ""
    print(f"{path}: format {formats}; {which} {found.read} rows read, {found.refused.total()} refused{guess}")
    keys = [[use, means, ", ".join(f"{key} {count}" for key, count in found.keys[use].items())]
            for use, means in USES.items() if found.keys.get(use)]  # fmt: skip
    if keys:
        print()
        print_table([["keys", "", "rows with each"], *keys])
    for why, count in found.refused.most_common(SHOWN):
        print(f"\nrefused {count}: {why} (first: {found.places[why]})")
    for row in found.rows:
        _show_row(row)


def _show_row(row: Example) -> None:
    print(f"\n{row.where}")
    if row.tools:
        names = (str(tool.get("function", tool).get("name")) for tool in row.tools)
        print(f"  tools: {', '.join(names)}")
    for turn in row.messages:
        print(f"  {_turn(turn)}")
    for turn in row.rejected:
        print(f"  rejected {_turn(turn)}")
    if row.text:
        print(f"  {_cut(row.text)}")


def _turn(turn: Message) -> str:
    untrained = "" if turn.weight or turn.role != "assistant" else " (not trained)"
    return f"{turn.role}{untrained}: {_cut(turn.said)}"


def _cut(text: str) -> str:
    short = text if len(text) <= EXCERPT else f"{text[:EXCERPT]}…"
    return short.replace("\n", "\n    ")
