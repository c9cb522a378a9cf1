"""``csv``: read CSV files with any extension."""

from collections.abc import Iterator
from typing import ClassVar

from ftctl.plugin import option, options
from ftctl.ports.data_source import DataSourceError
from ftctl_adapters.records.locations import Place
from ftctl_adapters.records.row_mapping import RowMapping
from ftctl_adapters.records.tables import Row, read_csv, whole_rows
from ftctl_plugins.data_sources.files import (
    ENCODING_HELP,
    FORMAT_HELP,
    FORMATS,
    IGNORE_HELP,
    NAMES_HELP,
    PATH_HELP,
    STORAGE_HELP,
    FileSource,
)


@options
class CsvOptions:
    """Options of `CsvSource`."""

    path: str = option(help=f"{PATH_HELP.format(ending='.csv')}; `path#500` takes 500 rows.", location=True)
    delimiter: str = option(",", help="The character between cells.")
    format: str = option("auto", help=FORMAT_HELP, choices=FORMATS)
    names: dict[str, str] = option({}, help=NAMES_HELP)
    ignore_keys: tuple[str, ...] = option((), help=IGNORE_HELP)
    encoding: str = option("utf-8", help=ENCODING_HELP)
    storage_env: str | None = option(None, help=STORAGE_HELP, location=True)


class CsvSource(FileSource):
    """Reads rows under the names of the first line; a row of another width is refused alone."""

    kinds: ClassVar[tuple[str, ...]] = (".csv", ".tsv")

    def __init__(self, options: CsvOptions) -> None:
        mapping, ignore = RowMapping(options.names), options.ignore_keys
        super().__init__(
            options.path, options.format, mapping, options.storage_env, ignore=ignore, encoding=options.encoding
        )
        if len(options.delimiter) != 1:
            raise DataSourceError(f"data_source.delimiter: must be one character, not {options.delimiter!r}")
        self._delimiter = options.delimiter

    def rows(self, place: Place) -> Iterator[Row]:
        return whole_rows(place, read_csv(place, self._delimiter))
