"""``parquet``: read Parquet files with any extension."""

from collections.abc import Iterator
from typing import ClassVar

from ftctl.plugin import option, options
from ftctl_adapters.records.locations import Place
from ftctl_adapters.records.row_mapping import RowMapping
from ftctl_adapters.records.tables import Row, read_parquet
from ftctl_plugins.data_sources.files import (
    FORMAT_HELP,
    FORMATS,
    IGNORE_HELP,
    NAMES_HELP,
    PATH_HELP,
    ROLES_HELP,
    STORAGE_HELP,
    TURNS_HELP,
    FileSource,
)


@options
class ParquetOptions:
    """Options of `ParquetSource`."""

    path: str = option(help=f"{PATH_HELP.format(ending='.parquet')}; `path#500` takes 500 rows.", location=True)
    format: str = option("auto", help=FORMAT_HELP, choices=FORMATS)
    names: dict[str, str] = option({}, help=NAMES_HELP)
    turn_names: dict[str, str] = option({}, help=TURNS_HELP)
    roles: dict[str, str] = option({}, help=ROLES_HELP)
    ignore_keys: tuple[str, ...] = option((), help=IGNORE_HELP)
    storage_env: str | None = option(None, help=STORAGE_HELP, location=True)


class ParquetSource(FileSource):
    """Reads rows without empty cells; dates become ISO text, types without a plain form are refused."""

    kinds: ClassVar[tuple[str, ...]] = (".parquet",)

    def __init__(self, options: ParquetOptions) -> None:
        mapping = RowMapping(options.names, options.turn_names, options.roles)
        super().__init__(options.path, options.format, mapping, options.storage_env, ignore=options.ignore_keys)

    def rows(self, place: Place) -> Iterator[Row]:
        return read_parquet(place)
