"""Read rows of data files by their type: JSON lines, arrays, CSV, Parquet."""

import csv
import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import Any, NamedTuple

from ftctl.domain.example import Rejection
from ftctl.ports.data_source import DataSourceError
from ftctl_adapters.records.json_documents import pieces
from ftctl_adapters.records.line_reader import MAX_LINE_BYTES, CutOff, read_lines, read_whole, readable
from ftctl_adapters.records.locations import PACKED, Place
from ftctl_adapters.records.strict_json import NotStrict, parse, plain_or_unreadable

MAX_DOCUMENT_BYTES = 512 << 20
PLAIN = ".txt"
DECLARED = re.compile(r"""["']?sep=([^"'\r\n])["']?\s*""", re.IGNORECASE)
"""First line by which Excel is told the delimiter."""


class Placed(NamedTuple):
    """A row's values with its place; ``byte`` is known for lines."""

    where: str
    values: dict[str, Any]
    byte: int | None = None


Row = Placed | Rejection
"""A row, or why it is none."""


def read_rows(place: Place) -> Iterator[Row]:
    """Yield every row of a data file by its extension: ``.jsonl``, ``.json``, ``.csv``, ``.txt``, ``.parquet``.

    All but the last may be compressed.

    Raises:
        DataSourceError: the file as a whole cannot be read.
    """
    if place.kind not in KINDS:
        known = f"{', '.join(KINDS)}, and {' and '.join(PACKED)} on top"
        raise DataSourceError(f"{place.address}: unknown kind of file {place.kind!r}; known: {known}")
    yield from whole_rows(place, KINDS[place.kind](place))


def whole_rows(place: Place, rows: Iterator[Row]) -> Iterator[Row]:
    """Yield the rows, and a rejection where a compressed file breaks off."""
    try:
        yield from rows
    except CutOff as cut:
        yield Rejection(f"{place.name}:{cut.line}", "the packed file ends before its end (truncated?)")


def _jsonl(place: Place) -> Iterator[Row]:
    name, lines = place.name, read_lines(place)
    first = next(lines, None)
    if first and first.data is not None and first.data.strip() == b"{":
        yield from _document(place)  # objects over several lines each
        return
    for line in chain([first] if first else (), lines):
        where = f"{name}:{line.number}"
        if line.data is None:
            yield Rejection(where, f"line longer than {MAX_LINE_BYTES >> 20} MiB", byte=line.start)
            continue
        try:
            value = parse(line.data)
        except NotStrict as error:
            yield Rejection(where, _reason(error, line.complete), _excerpt(line.data), line.start)
            continue
        if isinstance(value, dict):
            yield Placed(where, value, line.start)
        else:
            yield Rejection(
                where, f"a row must be an object, not {type(value).__name__}", _excerpt(line.data), line.start
            )


def _excerpt(line: bytes) -> str:
    return line[:120].decode(errors="replace")


def _reason(error: NotStrict, complete: bool) -> str:
    at = "" if error.byte is None else f"byte {error.byte + 1}: "
    torn = "" if complete or not error.reason.startswith("not JSON") else "; file ends inside a record (truncated?)"
    return f"{at}{error.reason}{torn}"


def read_lines_as_texts(place: Place) -> Iterator[Row]:
    """Yield every line that is not blank, as a row with ``text``."""
    yield from (Placed(f"{place.name}:{number}", {"text": line}) for number, line in _texts(place) if line.strip())


def read_paragraphs(place: Place) -> Iterator[Row]:
    """Yield every paragraph, which ends at a blank line, as a row with ``text``."""
    begun: list[str] = []
    start = 1
    for number, line in chain(_texts(place), ((0, ""),)):
        if line.strip():
            start = start if begun else number
            begun.append(line)
        elif begun:
            yield Placed(f"{place.name}:{start}", {"text": "\n".join(begun)})
            begun = []


def _texts(place: Place) -> Iterator[tuple[int, str]]:
    return ((number, line.rstrip("\r\n")) for number, line in enumerate(_text_lines(place), 1))


def _document(place: Place) -> Iterator[Row]:
    """Yield the rows of a file that is read whole: an array, objects one after another, or a list below a key."""
    data = read_whole(place, MAX_DOCUMENT_BYTES)
    try:
        for number, text in enumerate(pieces(data), 1):
            yield _object(f"{place.name}:row {number}", text)
    except NotStrict as error:
        step = "correct it; rows are objects, in an array or one after another"
        raise DataSourceError(f"{place.address}: {_reason(error, True)}", next_step=step) from error


def _object(where: str, text: bytes) -> Row:
    try:
        value = parse(text)
    except NotStrict as error:
        return Rejection(where, error.reason, _excerpt(text))
    if isinstance(value, dict):
        return Placed(where, value)
    return Rejection(where, f"a row must be an object, not {type(value).__name__}", _excerpt(text))


def read_csv(place: Place, delimiter: str = ",") -> Iterator[Row]:
    """Yield the rows of a CSV under the names of its first line; a row of another width is a rejection.

    Raises:
        DataSourceError: quotes that do not end, a name that stands twice, or no UTF-8.
    """
    csv.field_size_limit(MAX_LINE_BYTES)
    reader = csv.reader(_without_declaration(place, delimiter), strict=True, delimiter=delimiter)
    try:
        header = next((row for row in reader if row), [])
        if len(set(header)) != len(header):
            raise DataSourceError(f"{place.address}: a column name stands twice in the header")
        _refuse_other_delimiter(place, header, delimiter)
        for cells in reader:
            where = f"{place.name}:{reader.line_num}"
            if len(cells) == len(header):
                yield Placed(where, _plain(dict(zip(header, cells, strict=True))))
            elif cells:
                yield Rejection(where, f"{len(cells)} cells under {len(header)} columns", ",".join(cells)[:120])
    except csv.Error as error:
        if "new-line character" in str(error):
            text = f"{place.address}:{reader.line_num}: its lines end with a carriage return alone"
            raise DataSourceError(text, next_step="save it with line feeds, which tr '\\r' '\\n' makes") from error
        raise DataSourceError(f"{place.address}:{reader.line_num}: not CSV: {error}") from error


def _without_declaration(place: Place, delimiter: str) -> Iterator[str]:
    """Yield the lines without Excel's ``sep=;`` in the first one.

    Raises:
        DataSourceError: it declares another delimiter.
    """
    lines = _text_lines(place)
    first = next(lines, "")
    declared = DECLARED.fullmatch(first.lstrip("\ufeff"))
    if declared and declared[1] != delimiter:
        text = f"{place.address}: its first line declares the delimiter {declared[1]!r}, not {delimiter!r}"
        raise DataSourceError(text, next_step=f'read it with {{use: csv, delimiter: "{declared[1]}"}}')
    if declared:
        yield "\n"  # an empty row, so that lines keep their numbers
        first = next(lines, "")
    yield first
    yield from lines


def _refuse_other_delimiter(place: Place, header: list[str], delimiter: str) -> None:
    """Refuse a table whose only column is called as if another character divided it."""
    found = next((mark for mark in ";\t|," if len(header) == 1 and mark in header[0] and mark != delimiter), None)
    if found:
        shown = "\\t" if found == "\t" else found
        raise DataSourceError(
            f"{place.address}: its only column is called {header[0][:60]!r}, divided by {shown!r}, not {delimiter!r}",
            next_step=f'read it with {{use: csv, delimiter: "{shown}"}}',
        )


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Convert cells to JSON types: dates to ISO text; others without a plain form are `Unreadable`."""
    return {str(key): plain_or_unreadable(value) for key, value in row.items()}


def _text_lines(place: Place) -> Iterator[str]:
    for line in read_lines(place, blank=True):
        if line.data is None:
            raise DataSourceError(f"{place.address}:{line.number}: line longer than {MAX_LINE_BYTES >> 20} MiB")
        try:
            yield line.data.decode("utf-8") + "\n"
        except UnicodeDecodeError as error:
            text = f"{place.address}:{line.number} byte {error.start + 1}: invalid UTF-8"
            raise DataSourceError(text, next_step="name its encoding: data_source.encoding, or `auto`") from error


def read_parquet(place: Place) -> Iterator[Row]:
    """Yield the rows of a Parquet file without empty cells.

    Raises:
        DataSourceError: it is no Parquet, or pyarrow is not installed.
    """
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise DataSourceError("Parquet needs pyarrow", next_step="pip install 'ftctl[data]'") from error
    try:
        with readable(place), place.raw() as stream, ParquetFile(stream) as table:
            names = table.schema_arrow.names
            if len(set(names)) != len(names):
                raise DataSourceError(f"{place.address}: a column name stands twice")
            number = 0
            for batch in table.iter_batches(batch_size=1024):
                for row in batch.to_pylist():
                    number += 1
                    yield Placed(f"{place.name}:row {number}", _plain(_filled(row)))
    except (ArrowException, OSError, UnicodeDecodeError, OverflowError, ValueError) as error:
        raise DataSourceError(f"{place.address}: not a readable Parquet file: {error}") from error


def _filled(value: Any) -> Any:
    """Return a cell without empty fields, which columnar structures always have."""
    if isinstance(value, dict):
        return {name: _filled(item) for name, item in value.items() if item is not None}
    return [_filled(item) for item in value] if isinstance(value, list) else value


KINDS: dict[str, Callable[[Place], Iterator[Row]]] = {
    ".jsonl": _jsonl,
    ".json": _document,
    ".csv": read_csv,
    PLAIN: read_lines_as_texts,
    ".tsv": partial(read_csv, delimiter="\t"),
    ".parquet": read_parquet,
}
