"""``hub``: read a Hugging Face data set by name and revision, or a folder in that layout."""

from collections.abc import Iterator
from pathlib import Path

from ftctl.domain.codec import digest
from ftctl.domain.event import DATA_DESCRIBED
from ftctl.domain.example import Example, Rejection
from ftctl.plugin import option, options
from ftctl.ports import DataSource, StageContext
from ftctl.ports.data_source import DataSourceError
from ftctl_adapters.records.examples import ExampleReader
from ftctl_adapters.records.hub import READABLE, split_files
from ftctl_adapters.records.locations import Place
from ftctl_adapters.records.tables import read_rows
from ftctl_plugins.data_sources.files import FORMAT_HELP, FORMATS, IGNORE_HELP, NAMES_HELP


@options
class HubOptions:
    """Options of `HubSource`."""

    repo: str = option(help="Its name on the hub (`org/name`), or a folder in the hub's layout.")
    revision: str | None = option(None, help="Branch, tag or commit; a commit never changes.")
    config: str | None = option(None, help="Config name; left out: the default one, or the first.")
    split_name: str = option("train", help="Split to read; train, validation and test are made of it.")
    format: str = option("auto", help=FORMAT_HELP, choices=FORMATS)
    names: dict[str, str] = option({}, help=NAMES_HELP)
    ignore_keys: tuple[str, ...] = option((), help=IGNORE_HELP)


class HubSource(DataSource):
    """Downloads files into the hub's cache and reads them; no code of the data set is run.

    With ``HF_HUB_OFFLINE=1``, what the cache has is used, and nobody is asked.
    """

    def __init__(self, options: HubOptions) -> None:
        self._options = options

    def _folder(self) -> Path:
        asked = self._options
        if Path(asked.repo).is_dir():
            return Path(asked.repo)
        try:
            from huggingface_hub import snapshot_download
            from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
        except ImportError as error:
            raise DataSourceError("the hub needs huggingface-hub", next_step="pip install 'ftctl[hf]'") from error
        patterns = ["README.md", *(f"*{ending}" for ending in READABLE)]
        try:
            return Path(
                snapshot_download(asked.repo, repo_type="dataset", revision=asked.revision, allow_patterns=patterns)
            )
        except LocalEntryNotFoundError as error:
            text = f"{asked.repo}: not in the hub's cache, and the hub cannot be reached"
            raise DataSourceError(text, next_step="fetch it once: hf download --repo-type dataset NAME") from error
        except (HFValidationError, HfHubHTTPError, OSError) as error:
            said = str(error).partition("\n")[0][:160]
            raise DataSourceError(
                f"{asked.repo}: {said}", next_step="check the name, the revision, HF_TOKEN"
            ) from error

    def _places(self) -> list[Place]:
        folder = self._folder()
        found = split_files(folder, self._options.config, self._options.split_name)
        return [Place(str(path.relative_to(folder)), str(path)) for path in found]

    def fingerprint(self) -> str:
        return digest([[place.name, place.state()] for place in self._places()])

    def examples(self, context: StageContext) -> Iterator[Example | Rejection]:
        reader = ExampleReader(self._options.format, self._options.names, self._options.ignore_keys)
        try:
            for place in self._places():
                yield from reader.read(read_rows(place))
        finally:
            context.emit(DATA_DESCRIBED, **reader.described(), path=self._options.repo)
