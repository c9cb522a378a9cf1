"""A report that only says that it was written."""

from attrs import define, field

from ftctl.ports.run_journal import RunJournal
from ftctl.ports.run_report import RunReport


@define
class FakeRunReport(RunReport):
    """Remembers which runs were reported."""

    written: list[str] = field(factory=list)

    def write(self, journal: RunJournal) -> str:
        self.written.append(journal.folder.name)
        return str(journal.folder / "report.md")
