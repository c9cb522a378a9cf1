"""Common part of file sources: locations, formats, rows."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import ClassVar

from attrs import evolve

from ftctl.domain.codec import digest
from ftctl.domain.event import DATA_DESCRIBED, WARNING_RAISED
from ftctl.domain.example import Example, Rejection
from ftctl.ports import DataSource, StageContext
from ftctl.ports.data_source import DataSourceError
from ftctl_adapters.records.encodings import AUTO, UTF8, guessed, known_encoding
from ftctl_adapters.records.encrypted_files import KeyPlace
from ftctl_adapters.records.examples import ExampleReader
from ftctl_adapters.records.formats import READERS
from ftctl_adapters.records.locations import Place, find_places
from ftctl_adapters.records.row_mapping import RowMapping
from ftctl_adapters.records.tables import PLAIN, Row

SPLIT_MARK = "#"
FORMATS = ("auto", *READERS)
PATH_HELP = (
    "A file, a folder, a pattern (`raw/*{ending}`), either in an object store (`s3://…`), or an `https://` address"
)
ENCODING_HELP = "Encoding of the text: utf-8, a name such as gb18030 or cp1252, or `auto`, which guesses and says so."
STORAGE_HELP = "Name of the environment variable with the object store's options as JSON, as fsspec takes them."
KEY_HELP = "Name of the environment variable with the key of files that end in `.enc`, in 64 hexadecimal digits."
KEY_FILE_HELP = "The same, when the key lies in a file."
FORMAT_HELP = "The rows' format; `auto` reads it off the keys."
NAMES_HELP = (
    "Column mapping, from the format's field to your column, e.g. `{prompt: question, completion: answer.text}`; a dot "
    "reaches into objects and lists."
)
TURNS_HELP = "The same for keys of turns, e.g. `{role: speaker, content: utterance}`."
ROLES_HELP = "Roles by the words that rows have for them, e.g. `{customer: user, agent: assistant}`."

IGNORE_HELP = "Keys of rows to leave out although training should heed them, e.g. `[label, images]`."


class FileSource(DataSource):
    """Reads rows by the format of their keys; mixed formats are an error unless one is declared."""

    kinds: ClassVar[tuple[str, ...]]
    """Endings by which files of a folder or a pattern are taken."""

    def __init__(
        self,
        path: str,
        form: str,
        mapping: RowMapping,
        storage_env: str | None,
        key: KeyPlace | None = None,
        ignore: Sequence[str] = (),
        encoding: str = UTF8,
    ) -> None:
        self._path, self._limit = _limited(path)
        mapping.check()
        self._format, self._mapping, self._ignore = form, mapping, tuple(ignore)
        self._storage_env, self._key, self._encoding = storage_env, key, known_encoding(encoding)

    @abstractmethod
    def rows(self, place: Place) -> Iterator[Row]:
        """Yield the rows of one file."""

    def _places(self) -> tuple[Place, ...]:
        found = find_places(self._path, self._storage_env, self._key)
        if len(found) == 1:
            return found
        # notes that lie beside rows are none; text is taken where it is asked for
        kinds = (PLAIN,) if self._path.endswith(PLAIN) else self.kinds
        readable = tuple(place for place in found if place.kind in kinds)
        if not readable:
            step = f"{type(self).__name__} reads {', '.join(self.kinds)}"
            raise DataSourceError(f"{self._path}: no file there can be read", next_step=step)
        return readable

    def fingerprint(self) -> str:
        # names stand in the ledger; the folder that they lie in does not
        return digest([[[place.name, place.state()] for place in self._places()], self._limit])

    def raw_rows(self) -> Iterator[Row]:
        """Yield the rows of all files, before any format."""
        return islice(chain.from_iterable(map(self.rows, self._recoded())), self._limit)

    def _recoded(self) -> list[Place]:
        """Return the files with their encodings, guessed where that is asked for."""
        if self._encoding != AUTO:
            return [evolve(place, encoding=self._encoding) for place in self._places()]
        return [evolve(place, encoding=guessed(place.unpacked, place.name)) for place in self._places()]

    def examples(self, context: StageContext) -> Iterator[Example | Rejection]:
        reader, places = ExampleReader(self._format, self._mapping, self._ignore), self._recoded()
        for place in places if self._encoding == AUTO else ():
            context.emit(DATA_DESCRIBED, note=f"{place.name} is read as {place.encoding}, a guess")
        try:
            yield from reader.read(islice(chain.from_iterable(map(self.rows, places)), self._limit))
        finally:  # a mix may leave rows unread
            for key in reader.never_ignored():
                context.emit(WARNING_RAISED, message=f"data_source.ignore_keys: no row has the key {key!r}")
            context.emit(DATA_DESCRIBED, **reader.described(), path=self._path)


def _limited(path: str) -> tuple[str, int | None]:
    """Return the path and the number of rows that ``path#500`` asks for; a path that exists is taken as it is."""
    rest, mark, limit = path.rpartition(SPLIT_MARK)
    if not mark or Path(path).exists() or ("://" in path and not limit.isdecimal()):
        return path, None
    if not limit.isdecimal():
        raise DataSourceError(f"{path}: no such path, and after # stands no number of rows")
    return rest, int(limit)
