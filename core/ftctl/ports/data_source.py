"""Port: data sources yield examples."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

from ftctl.domain.example import Example, Rejection
from ftctl.errors import DataError
from ftctl.ports.context import StageContext


class DataSourceError(DataError):
    """The source as a whole cannot be read."""

    code = "data-source"


class DataSource(ABC):
    """Data source: converts its input into canonical examples; constructed with its options alone."""

    @abstractmethod
    def fingerprint(self) -> str:
        """Return a short text that changes whenever the rows do; cheap, reads no row.

        Raises:
            DataSourceError: there is nothing to read.
        """

    @abstractmethod
    def examples(self, context: StageContext) -> Iterator[Example | Rejection]:
        """Yield every source row in a fixed order, as an example or as a rejection with its reason.

        A source that draws does so from ``context.settings["data_seed"]``, so that the same seed draws the same.

        Raises:
            DataSourceError: the source is unreadable as a whole.
        """
