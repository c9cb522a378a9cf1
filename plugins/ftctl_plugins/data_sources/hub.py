"""``hub``: read a Hugging Face data set by name and revision, or a folder in that layout."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ftctl.domain.codec import digest
from ftctl.domain.event import DATA_DESCRIBED
from ftctl.domain.example import Example, Rejection
from ftctl.errors import FtctlError
from ftctl.plugin import option, options
from ftctl.ports import DataSource, StageContext
from ftctl.ports.data_source import DataSourceError
from ftctl_adapters.hub.listing import Listing, listing
from ftctl_adapters.records.examples import ExampleReader
from ftctl_adapters.records.hub import CARD, split_files
from ftctl_adapters.records.locations import Place
from ftctl_adapters.records.row_mapping import RowMapping
from ftctl_adapters.records.tables import read_rows
from ftctl_plugins.data_sources.files import FORMAT_HELP, FORMATS, IGNORE_HELP, NAMES_HELP, ROLES_HELP, TURNS_HELP


@options
class HubOptions:
    """Options of `HubSource`."""

    repo: str = option(help="Its name on the hub (`org/name`), or a folder in the hub's layout.")
    revision: str | None = option(None, help="Branch, tag or commit; a commit never changes.")
    config: str | None = option(None, help="Config name; left out: the default one, or the first.")
    split_name: str = option("train", help="Split to read; train, validation and test are made of it.")
    format: str = option("auto", help=FORMAT_HELP, choices=FORMATS)
    names: dict[str, str] = option({}, help=NAMES_HELP)
    turn_names: dict[str, str] = option({}, help=TURNS_HELP)
    roles: dict[str, str] = option({}, help=ROLES_HELP)
    ignore_keys: tuple[str, ...] = option((), help=IGNORE_HELP)


class HubSource(DataSource):
    """Downloads the files of the split into the hub's cache and reads them; no code of the data set is run.

    With ``HF_HUB_OFFLINE=1``, what the cache has is used, and nobody is asked.
    """

    def __init__(self, options: HubOptions) -> None:
        self._options, self._commit = options, ""
        self._mapping = RowMapping(options.names, options.turn_names, options.roles)
        self._mapping.check()

    def fingerprint(self) -> str:
        """Return a digest of the split's files; of those on the hub, by the commit, without fetching them."""
        asked = self._options
        if not Path(asked.repo).is_dir():
            listed, _, chosen = self._listed()
            return digest(["hub", asked.repo, listed.commit, chosen])
        return digest([[place.name, place.state()] for place in self._places()])

    def _places(self) -> list[Place]:
        """Return the files of the split, fetched if they are on the hub; no others are."""
        from ftctl_adapters.hub.fetch import fetch

        asked = self._options
        folder = Path(asked.repo)
        if folder.is_dir():
            names = [str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()]
            chosen = split_files(folder.name, names, _card(folder), asked.config, asked.split_name)
        else:
            listed, card, chosen = self._listed()
            with _told_by_the_source():
                folder = fetch(listed, [*card, *chosen])
        return [Place(name, str(folder / name)) for name in chosen]

    def _listed(self) -> tuple[Listing, list[str], list[str]]:
        """Return the repository, its card if it has one, and the files of the split."""
        from ftctl_adapters.hub.fetch import fetch

        asked = self._options
        with _told_by_the_source():
            listed = listing(asked.repo, "dataset", asked.revision)
            card = [CARD] if CARD in listed.sizes else []
            folder = fetch(listed, card) if card else Path()
        self._commit = listed.commit
        text = _card(folder) if card else ""
        return listed, card, split_files(asked.repo, listed.sizes, text, asked.config, asked.split_name)

    def examples(self, context: StageContext) -> Iterator[Example | Rejection]:
        reader = ExampleReader(self._options.format, self._mapping, self._options.ignore_keys)
        try:
            for place in self._places():
                yield from reader.read(read_rows(place))
        finally:
            commit = {"commit": self._commit} if self._commit else {}
            context.emit(DATA_DESCRIBED, **reader.described(), **commit, path=self._options.repo)


@contextmanager
def _told_by_the_source() -> Iterator[None]:
    """Raise errors of the hub as those of a source."""
    try:
        yield
    except FtctlError as error:
        raise DataSourceError(error.what, next_step=error.next_step) from error


def _card(folder: Path) -> str:
    path = folder / CARD
    return path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
