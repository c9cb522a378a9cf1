"""Write the reports into the run's folder."""

from ftctl.ports.artifact_store import ArtifactStore
from ftctl.ports.run_journal import RunJournal
from ftctl.ports.run_report import RunReport
from ftctl_adapters.report.content import gather
from ftctl_adapters.report.document import document
from ftctl_adapters.report.html_page import html_page
from ftctl_adapters.report.markdown import markdown


class FileRunReport(RunReport):
    """Writer of ``report.md`` (terminal, reviews), ``report.html`` (browser) and ``report.json`` (programs)."""

    def __init__(self, store: ArtifactStore) -> None:
        self._store = store

    def write(self, journal: RunJournal) -> str:
        content = gather(journal, self._store)
        journal.write_text("report.json", document(content))
        journal.write_text("report.html", html_page(content))
        return str(journal.write_text("report.md", markdown(content)))
