"""CSV forms for spreadsheets: write them, and read them back."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from pathlib import Path

LONGEST = 1 << 30
"""Of a cell, in characters."""
STARTS = ("=", "+", "-", "@", "\t", "\r")
"""With what a spreadsheet begins a formula."""
MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
"""By which a spreadsheet knows UTF-8."""


class Unreadable(Exception):
    """Raised if a returned form is no such table; names file, line and reason."""


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return the table as text; no cell is a formula to a spreadsheet."""
    out = StringIO(newline="")
    lines = csv.writer(out)
    lines.writerow(columns)
    lines.writerows([_plain(cell) for cell in row] for row in rows)
    return MARK + out.getvalue()


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(STARTS) else text


def filled_in(path: Path, name: str, value: str) -> list[tuple[int, str, str]]:
    """Yield last line, ``name`` and ``value`` of each filled-in row; separated by commas or semicolons.

    Raises:
        Unreadable: the file cannot be read, or has not both columns.
    """
    csv.field_size_limit(LONGEST)
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            first = lines.readline()
            lines.seek(0)
            reader = csv.DictReader(lines, delimiter=";" if ";" in first and "," not in first else ",")
            missing = {name, value} - set(reader.fieldnames or ())
            rows = [(reader.line_num, row) for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Unreadable(f"cannot read {path}: {error}") from error
    if missing:
        raise Unreadable(f"{path}: needs the columns `{name}` and `{value}`")
    found = []
    for number, row in rows:
        if not any(str(cell or "").strip() for cell in row.values()):
            continue
        if not (row.get(name) or "").strip():
            raise Unreadable(f"{path}:{number}: the column `{name}` is empty")
        found.append((number, str(row[name]).strip(), str(row[value] or "").strip()))
    return found
