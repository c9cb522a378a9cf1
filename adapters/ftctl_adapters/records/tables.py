"""Read rows of data files by their type: JSON lines, arrays, CSV, Parquet."""

import csv
from collections.abc import Iterator
from typing import Any, NamedTuple

from ftctl.domain.example import Rejection
from ftctl.ports.data_source import DataSourceError
from ftctl_adapters.records.line_reader import MAX_LINE_BYTES, CutOff, read_lines, read_whole, readable
from ftctl_adapters.records.locations import PACKED, Place
from ftctl_adapters.records.strict_json import NotStrict, parse, plain_or_unreadable

MAX_ARRAY_BYTES = 512 << 20


class Placed(NamedTuple):
    """A row's values with its place; ``byte`` is known for lines."""

    where: str
    values: dict[str, Any]
    byte: int | None = None


Row = Placed | Rejection
"""A row, or why it is none."""


def read_rows(place: Place) -> Iterator[Row]:
    """Yield every row of a data file by its extension: ``.jsonl``, ``.json``, ``.csv`` (also compressed), ``.parquet``.

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
    name = place.name
    for line in read_lines(place):
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


def _array(place: Place) -> Iterator[Row]:
    data = read_whole(place, MAX_ARRAY_BYTES)
    try:
        value = parse(data) if data.strip() else []
    except NotStrict as error:
        raise DataSourceError(
            f"{place.address}: {_reason(error, True)}", next_step="correct it, or use .jsonl"
        ) from error
    if not isinstance(value, list):
        raise DataSourceError(f"{place.address}: must be a JSON array of rows, not {type(value).__name__}")
    for number, row in enumerate(value, 1):
        where = f"{place.name}:row {number}"
        yield Placed(where, row) if isinstance(row, dict) else Rejection(where, "a row must be an object")


def read_csv(place: Place, delimiter: str = ",") -> Iterator[Row]:
    """Yield the rows of a CSV under the names of its first line; a row of another width is a rejection.

    Raises:
        DataSourceError: quotes that do not end, a name that stands twice, or no UTF-8.
    """
    csv.field_size_limit(MAX_LINE_BYTES)
    reader = csv.reader(_text_lines(place), strict=True, delimiter=delimiter)
    try:
        header = next(reader, [])
        if len(set(header)) != len(header):
            raise DataSourceError(f"{place.address}: a column name stands twice in the header")
        for cells in reader:
            where = f"{place.name}:{reader.line_num}"
            if len(cells) == len(header):
                yield Placed(where, _plain(dict(zip(header, cells, strict=True))))
            elif cells:
                yield Rejection(where, f"{len(cells)} cells under {len(header)} columns", ",".join(cells)[:120])
    except csv.Error as error:
        raise DataSourceError(f"{place.address}:{reader.line_num}: not CSV: {error}") from error


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
            raise DataSourceError(f"{place.address}:{line.number} byte {error.start + 1}: invalid UTF-8") from error


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


KINDS = {".jsonl": _jsonl, ".json": _array, ".csv": read_csv, ".parquet": read_parquet}
