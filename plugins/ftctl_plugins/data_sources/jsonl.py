"""``jsonl``: rows from files, their format detected from their keys."""

import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ftctl.domain.codec import digest
from ftctl.domain.event import DATA_DESCRIBED
from ftctl.domain.example import Example, Rejection
from ftctl.plugin import option, options
from ftctl.ports import DataSource, StageContext
from ftctl.ports.data_source import DataSourceError
from ftctl_adapters.records.formats import READERS, NotThisFormat, detect, to_example, unknown_format
from ftctl_adapters.records.tables import read_rows

SPLIT_MARK = "#"


@options
class JsonlOptions:
    path: str = option(help="A file: .jsonl, .json, .csv (each also .gz), .parquet; `path#500` takes 500 rows.")
    format: str = option("auto", help="The rows' format; `auto` reads it off the keys.", choices=("auto", *READERS))


class JsonlSource(DataSource):
    """Every row by the format of its keys; a file that mixes formats is an error unless one is declared."""

    def __init__(self, options: JsonlOptions) -> None:
        path, _, limit = options.path.partition(SPLIT_MARK)
        if limit and not limit.isdecimal():
            raise DataSourceError(f"{options.path}: after # stands a number of rows")
        self._path, self._format = Path(path), options.format
        self._limit = int(limit) if limit else None

    def fingerprint(self) -> str:
        if not self._path.is_file():
            raise DataSourceError(f"{self._path}: no such file", next_step="check data_source.path")
        with self._path.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        return digest([content, self._limit])

    def examples(self, context: StageContext) -> Iterator[Example | Rejection]:
        formats: Counter[str] = Counter()
        for number, row in enumerate(read_rows(self._path)):
            if number == self._limit:
                break
            yield row if isinstance(row, Rejection) else self._example(*row, formats)
        context.emit(DATA_DESCRIBED, formats=dict(formats), path=str(self._path))

    def _example(self, where: str, row: dict[str, Any], byte: int | None, formats: Counter[str]) -> Example | Rejection:
        form = detect(row) if self._format == "auto" else self._format
        if form is None:
            return Rejection(where, unknown_format(row), str(row)[:120], byte)
        if self._format == "auto" and formats and form not in formats:
            declared = next(iter(formats))
            said = f"format {form} in a file of {declared}; declare one: data_source.format"
            return Rejection(where, said, byte=byte)
        try:
            example = to_example(row, form, where, byte)
        except NotThisFormat as error:
            return Rejection(where, str(error), str(row)[:120], byte)
        except KeyError as error:
            return Rejection(where, f"format {form} needs the key {error}", str(row)[:120], byte)
        formats[form] += 1
        return example
