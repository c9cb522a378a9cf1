"""``jsonl``: read data files by their extension, with the format detected from their keys."""

from collections.abc import Iterator
from typing import ClassVar

from ftctl.plugin import option, options
from ftctl_adapters.records.encrypted_files import key_place
from ftctl_adapters.records.locations import Place
from ftctl_adapters.records.tables import KINDS, Row, read_rows
from ftctl_plugins.data_sources.files import (
    FORMAT_HELP,
    FORMATS,
    IGNORE_HELP,
    KEY_FILE_HELP,
    KEY_HELP,
    NAMES_HELP,
    PATH_HELP,
    STORAGE_HELP,
    FileSource,
)


@options
class JsonlOptions:
    """Options of `JsonlSource`."""

    path: str = option(
        help=f"{PATH_HELP.format(ending='.jsonl.gz')}: .jsonl, .json, .csv, each also .gz or .zst, and .parquet; "
        "`path#500` takes 500 rows.",
        location=True,
    )
    format: str = option("auto", help=FORMAT_HELP, choices=FORMATS)
    names: dict[str, str] = option({}, help=NAMES_HELP)
    ignore_keys: tuple[str, ...] = option((), help=IGNORE_HELP)
    storage_env: str | None = option(None, help=STORAGE_HELP, location=True)
    key_env: str | None = option(None, help=KEY_HELP, location=True)
    key_file: str | None = option(None, help=KEY_FILE_HELP, location=True)


class JsonlSource(FileSource):
    """Reads files by their extension."""

    kinds: ClassVar[tuple[str, ...]] = tuple(KINDS)

    def __init__(self, options: JsonlOptions) -> None:
        key = key_place(options.key_env, options.key_file)
        super().__init__(options.path, options.format, options.names, options.storage_env, key, options.ignore_keys)

    def rows(self, place: Place) -> Iterator[Row]:
        return read_rows(place)
