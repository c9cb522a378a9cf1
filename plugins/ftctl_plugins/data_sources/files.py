"""Common part of file sources: locations, formats, rows."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import ClassVar

from ftctl.domain.codec import digest
from ftctl.domain.event import DATA_DESCRIBED
from ftctl.domain.example import Example, Rejection
from ftctl.domain.names import nearest
from ftctl.ports import DataSource, StageContext
from ftctl.ports.data_source import DataSourceError
from ftctl_adapters.records.encrypted_files import KeyPlace
from ftctl_adapters.records.examples import ExampleReader
from ftctl_adapters.records.formats import FORMAT_KEYS, READERS
from ftctl_adapters.records.locations import Place, find_places
from ftctl_adapters.records.tables import Row

SPLIT_MARK = "#"
FORMATS = ("auto", *READERS)
FIELDS = (*FORMAT_KEYS, "input", "system", "history", "tools", "group", "metadata")
"""Names that rows can be mapped to."""

PATH_HELP = (
    "A file, a folder, a pattern (`raw/*{ending}`), either in an object store (`s3://…`), or an `https://` address"
)
STORAGE_HELP = "Name of the environment variable with the object store's options as JSON, as fsspec takes them."
KEY_HELP = "Name of the environment variable with the key of files that end in `.enc`, in 64 hexadecimal digits."
KEY_FILE_HELP = "The same, when the key lies in a file."
FORMAT_HELP = "The rows' format; `auto` reads it off the keys."
NAMES_HELP = "Column mapping, from the format's field to your column, e.g. `{prompt: question, completion: answer}`."

IGNORE_HELP = "Keys of rows to leave out although training should heed them, e.g. `[label, images]`."


class FileSource(DataSource):
    """Reads rows by the format of their keys; mixed formats are an error unless one is declared."""

    kinds: ClassVar[tuple[str, ...]]
    """Endings by which files of a folder or a pattern are taken."""

    def __init__(
        self,
        path: str,
        form: str,
        names: Mapping[str, str],
        storage_env: str | None,
        key: KeyPlace | None = None,
        ignore: Sequence[str] = (),
    ) -> None:
        self._path, self._limit = _limited(path)
        unknown = [name for name in names if name not in FIELDS]
        if unknown:
            meant = nearest(unknown[0], FIELDS)
            hint = f"; did you mean {meant!r}?" if meant else f"; known: {', '.join(FIELDS)}"
            raise DataSourceError(f"data_source.names: no format has {unknown[0]!r}{hint}")
        self._format, self._names, self._ignore = form, names, tuple(ignore)
        self._storage_env, self._key = storage_env, key

    @abstractmethod
    def rows(self, place: Place) -> Iterator[Row]:
        """Yield the rows of one file."""

    def _places(self) -> tuple[Place, ...]:
        found = find_places(self._path, self._storage_env, self._key)
        if len(found) == 1:
            return found
        readable = tuple(place for place in found if place.kind in self.kinds)
        if not readable:
            step = f"{type(self).__name__} reads {', '.join(self.kinds)}"
            raise DataSourceError(f"{self._path}: no file there can be read", next_step=step)
        return readable

    def fingerprint(self) -> str:
        # names stand in the ledger; the folder that they lie in does not
        return digest([[[place.name, place.state()] for place in self._places()], self._limit])

    def examples(self, context: StageContext) -> Iterator[Example | Rejection]:
        reader = ExampleReader(self._format, self._names, self._ignore)
        rows = chain.from_iterable(map(self.rows, self._places()))
        try:
            yield from reader.read(islice(rows, self._limit))
        finally:  # a mix may leave rows unread
            context.emit(DATA_DESCRIBED, **reader.described(), path=self._path)


def _limited(path: str) -> tuple[str, int | None]:
    """Return the path and the number of rows that ``path#500`` asks for; a path that exists is taken as it is."""
    rest, mark, limit = path.rpartition(SPLIT_MARK)
    if not mark or Path(path).exists() or ("://" in path and not limit.isdecimal()):
        return path, None
    if not limit.isdecimal():
        raise DataSourceError(f"{path}: no such path, and after # stands no number of rows")
    return rest, int(limit)
