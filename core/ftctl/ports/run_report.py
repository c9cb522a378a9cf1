"""Writer of a run's report."""

from abc import ABC, abstractmethod

from ftctl.ports.run_journal import RunJournal


class RunReport(ABC):
    """Writer of the report of a run."""

    @abstractmethod
    def write(self, journal: RunJournal) -> str:
        """Write ``report.md`` and ``report.html`` from the journal; return the path of the first."""
