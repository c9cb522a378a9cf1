"""Writer of a run's report."""

from abc import ABC, abstractmethod

from ftctl.ports.run_journal import RunJournal


class RunReport(ABC):
    """Writes the report of a run."""

    @abstractmethod
    def write(self, journal: RunJournal) -> str:
        """Writes ``report.md`` and ``report.html`` from what the journal holds; the path of the first."""
