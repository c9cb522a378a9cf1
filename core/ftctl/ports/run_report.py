"""Who writes a run down for people."""

from abc import ABC, abstractmethod

from ftctl.ports.run_journal import RunJournal


class RunReport(ABC):
    @abstractmethod
    def write(self, journal: RunJournal) -> str:
        """Writes ``report.md`` and ``report.html`` from what the journal holds; the path of the first."""
