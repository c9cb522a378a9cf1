"""``jsonl``: read data files by their extension, with the format detected from their keys."""

from collections.abc import Iterator
from typing import ClassVar

from ftctl.plugin import option, options
from ftctl_adapters.records.encrypted_files import key_place
from ftctl_adapters.records.locations import Place
from ftctl_adapters.records.row_mapping import RowMapping
from ftctl_adapters.records.tables import KINDS, PLAIN, Row, read_paragraphs, read_rows, whole_rows
from ftctl_plugins.data_sources.files import (
    ENCODING_HELP,
    FORMAT_HELP,
    FORMATS,
    IGNORE_HELP,
    KEY_FILE_HELP,
    KEY_HELP,
    NAMES_HELP,
    PATH_HELP,
    ROLES_HELP,
    STORAGE_HELP,
    TURNS_HELP,
    FileSource,
)


@options
class JsonlOptions:
    """Options of `JsonlSource`."""

    path: str = option(
        help=f"{PATH_HELP.format(ending='.jsonl.gz')}: .jsonl, .json, .csv, .txt, each also .gz or .zst, and .parquet; "
        "`path#500` takes 500 rows.",
        location=True,
    )
    format: str = option("auto", help=FORMAT_HELP, choices=FORMATS)
    names: dict[str, str] = option({}, help=NAMES_HELP)
    turn_names: dict[str, str] = option({}, help=TURNS_HELP)
    roles: dict[str, str] = option({}, help=ROLES_HELP)
    ignore_keys: tuple[str, ...] = option((), help=IGNORE_HELP)
    text_unit: str = option(
        "line", help="What a row of a .txt file is; a paragraph ends at a blank line.", choices=("line", "paragraph")
    )
    encoding: str = option("utf-8", help=ENCODING_HELP)
    storage_env: str | None = option(None, help=STORAGE_HELP, location=True)
    key_env: str | None = option(None, help=KEY_HELP, location=True)
    key_file: str | None = option(None, help=KEY_FILE_HELP, location=True)


class JsonlSource(FileSource):
    """Reads files by their extension."""

    kinds: ClassVar[tuple[str, ...]] = tuple(kind for kind in KINDS if kind != PLAIN)

    def __init__(self, options: JsonlOptions) -> None:
        key = key_place(options.key_env, options.key_file)
        mapping = RowMapping(options.names, options.turn_names, options.roles)
        super().__init__(
            options.path, options.format, mapping, options.storage_env, key, options.ignore_keys, options.encoding
        )

        self._paragraphs = options.text_unit == "paragraph"

    def rows(self, place: Place) -> Iterator[Row]:
        if place.kind == PLAIN and self._paragraphs:
            return whole_rows(place, read_paragraphs(place))
        return read_rows(place)
