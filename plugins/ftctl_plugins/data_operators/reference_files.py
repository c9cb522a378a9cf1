"""Read reference files: their locations, a fingerprint, and their texts."""

from collections.abc import Callable, Iterable, Iterator, Sequence

from ftctl.domain import Example
from ftctl.domain.codec import digest
from ftctl.ports import DataOperatorError, DataSourceError
from ftctl_adapters.records.examples import ExampleReader
from ftctl_adapters.records.locations import Place, find_places
from ftctl_adapters.records.tables import KINDS, read_rows

STEP = "check data_steps[…].against"


def places(patterns: Iterable[str], who: str) -> list[Place]:
    """Return the files of the patterns.

    Raises:
        DataOperatorError: there are none.
    """
    try:
        found = [place for pattern in patterns for place in find_places(pattern)]
    except DataSourceError as error:
        raise DataOperatorError(f"{who}: {error.what}", next_step=STEP) from error
    readable = [place for place in found if place.kind in KINDS]
    if not readable:
        raise DataOperatorError(f"{who}: no file to hold rows against", next_step=STEP)
    return readable


def state(found: Sequence[Place]) -> str:
    """Return a text that changes with any of them."""
    return digest([[place.name, place.state()] for place in found])


def items(found: Sequence[Place], who: str, told: Callable[[Example], str]) -> Iterator[tuple[str, str]]:
    """Yield place and text of each row, as ``told`` makes it.

    Raises:
        DataOperatorError: a row cannot be used.
    """
    reader = ExampleReader(trained=False)
    for place in found:
        for row in reader.read(read_rows(place)):
            if not isinstance(row, Example):
                raise DataOperatorError(f"{who}: {row.where}: {row.reason}", next_step="correct that file")
            yield row.where, told(row)
