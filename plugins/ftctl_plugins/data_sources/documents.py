"""``documents``: sections of PDF, DOCX, HTML, Markdown and text files."""

from collections.abc import Iterator

from ftctl.domain.codec import digest
from ftctl.domain.event import DATA_DESCRIBED
from ftctl.domain.example import Example, Rejection
from ftctl.plugin import option, options
from ftctl.ports import DataSource, StageContext
from ftctl.ports.data_source import DataSourceError
from ftctl_adapters.documents.read import KINDS, read_document
from ftctl_adapters.documents.section import Section
from ftctl_adapters.records.locations import Place, find_places
from ftctl_plugins.data_sources.files import PATH_HELP, STORAGE_HELP


@options
class DocumentsOptions:
    """Options of `DocumentsSource`."""

    path: str = option(help=f"{PATH_HELP.format(ending='.pdf')}: {', '.join(KINDS)}.", location=True)
    min_chars: int = option(1, help="Sections with fewer characters are refused.", ge=1)
    storage_env: str | None = option(None, help=STORAGE_HELP, location=True)


class DocumentsSource(DataSource):
    """Reads one text a section, with its place; a document's sections are one group."""

    def __init__(self, options: DocumentsOptions) -> None:
        self._options = options

    def _places(self) -> tuple[Place, ...]:
        found = find_places(self._options.path, self._options.storage_env)
        known = tuple(place for place in found if place.kind.lower() in KINDS)
        if not known:
            text = f"{self._options.path}: no document there"
            raise DataSourceError(text, next_step=f"files end in {', '.join(KINDS)}")
        return known

    def fingerprint(self) -> str:
        # names are in the rows: a document is a group
        return digest([[place.name, place.state()] for place in self._places()])

    def examples(self, context: StageContext) -> Iterator[Example | Rejection]:
        places = self._places()
        for place in places:
            context.stop_if_cancelled()
            for part in read_document(place):
                where = f"{place.name}:{part.locator}" if part.locator else place.name
                if not isinstance(part, Section):
                    yield Rejection(where, part.reason)
                elif len(part.text) < self._options.min_chars:
                    yield Rejection(where, f"fewer than {self._options.min_chars} characters", part.text)
                else:
                    told = {"document": place.name, "locator": part.locator}
                    heading = {"heading": part.heading} if part.heading else {}
                    yield Example(where, text=part.text, group=place.name, metadata=told | heading)
        context.emit(DATA_DESCRIBED, documents=len(places), path=self._options.path)
