"""Rows of the file kinds that are not lines of JSON: arrays, CSV, Parquet."""

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ftctl.domain.example import Rejection
from ftctl.ports.data_source import DataSourceError
from ftctl_adapters.records.lines import MAX_LINE_BYTES, read_lines, read_whole
from ftctl_adapters.records.strict_json import NotStrict, parse, plain

MAX_ARRAY_BYTES = 512 << 20


class Placed(NamedTuple):
    """A row's values, and where they stand; ``byte`` is known of lines."""

    where: str
    values: dict[str, Any]
    byte: int | None = None


Row = Placed | Rejection
"""A row, or why it is none."""


def read_rows(path: Path) -> Iterator[Row]:
    """Every row of a data file by its ending: ``.jsonl``, ``.json``, ``.csv`` (each also ``.gz``), ``.parquet``.

    Raises:
        DataSourceError: the file as a whole cannot be read.
    """
    endings = [ending for ending in path.suffixes if ending != ".gz"]
    kind = endings[-1] if endings else ""
    if kind not in _READERS:
        known = ", ".join(_READERS)
        raise DataSourceError(f"{path}: unknown kind of file {kind!r}; known: {known} and .gz on top")
    yield from _READERS[kind](path)


def _jsonl(path: Path) -> Iterator[Row]:
    for line in read_lines(path):
        where = f"{path}:{line.number}"
        if line.data is None:
            yield Rejection(where, f"line longer than {MAX_LINE_BYTES >> 20} MiB", byte=line.start)
            continue
        excerpt = line.data[:120].decode(errors="replace")
        try:
            value = parse(line.data)
        except NotStrict as error:
            yield Rejection(where, _reason(error, line.complete), excerpt, line.start)
            continue
        if isinstance(value, dict):
            yield Placed(where, value, line.start)
        else:
            yield Rejection(where, f"a row must be an object, not {type(value).__name__}", excerpt, line.start)


def _reason(error: NotStrict, complete: bool) -> str:
    at = "" if error.byte is None else f"byte {error.byte + 1}: "
    torn = "" if complete or not error.reason.startswith("not JSON") else "; file ends inside a record (truncated?)"
    return f"{at}{error.reason}{torn}"


def _array(path: Path) -> Iterator[Row]:
    data = read_whole(path, MAX_ARRAY_BYTES)
    try:
        value = parse(data) if data.strip() else []
    except NotStrict as error:
        raise DataSourceError(f"{path}: {_reason(error, True)}", next_step="correct it, or use .jsonl") from error
    if not isinstance(value, list):
        raise DataSourceError(f"{path}: must be a JSON array of rows, not {type(value).__name__}")
    for number, row in enumerate(value, 1):
        where = f"{path}:row {number}"
        yield Placed(where, row) if isinstance(row, dict) else Rejection(where, "a row must be an object")


def _csv(path: Path) -> Iterator[Row]:
    csv.field_size_limit(MAX_LINE_BYTES)
    reader = csv.reader(_text_lines(path), strict=True)
    try:
        header = next(reader, [])
        if len(set(header)) != len(header):
            raise DataSourceError(f"{path}: a column name stands twice in the header")
        for cells in reader:
            where = f"{path}:{reader.line_num}"
            if len(cells) == len(header):
                yield _checked(where, dict(zip(header, cells, strict=True)))
            elif cells:
                yield Rejection(where, f"{len(cells)} cells under {len(header)} columns", ",".join(cells)[:120])
    except csv.Error as error:
        raise DataSourceError(f"{path}:{reader.line_num}: not CSV: {error}") from error


def _checked(where: str, row: dict[str, Any]) -> Row:
    """Cells have types that JSON has not: dates become ISO text, and what has no plain form is refused."""
    try:
        return Placed(where, {str(key): plain(value) for key, value in row.items()})
    except NotStrict as error:
        return Rejection(where, error.reason, str(row)[:120])


def _text_lines(path: Path) -> Iterator[str]:
    for line in read_lines(path, blank=True):
        if line.data is None:
            raise DataSourceError(f"{path}:{line.number}: line longer than {MAX_LINE_BYTES >> 20} MiB")
        try:
            yield line.data.decode("utf-8") + "\n"
        except UnicodeDecodeError as error:
            raise DataSourceError(f"{path}:{line.number} byte {error.start + 1}: invalid UTF-8") from error


def _parquet(path: Path) -> Iterator[Row]:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise DataSourceError("Parquet needs pyarrow", next_step="pip install 'ftctl[data]'") from error
    try:
        with ParquetFile(path) as table:
            number = 0
            for batch in table.iter_batches(batch_size=1024):
                for row in batch.to_pylist():
                    number += 1
                    yield _checked(f"{path}:row {number}", row)
    except (ArrowException, OSError, UnicodeDecodeError) as error:
        raise DataSourceError(f"{path}: not a readable Parquet file: {error}") from error


_READERS = {".jsonl": _jsonl, ".json": _array, ".csv": _csv, ".parquet": _parquet}
