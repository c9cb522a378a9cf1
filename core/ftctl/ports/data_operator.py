"""Port: operators of the data stage, between source and data set."""

from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, ClassVar

from ftctl.domain.example import Example
from ftctl.domain.outcome import Fate, Outcome
from ftctl.domain.seen_keys import first_places
from ftctl.errors import DataError
from ftctl.ports.context import StageContext


class DataOperatorError(DataError):
    """The operator could not do its work."""

    code = "data-operator"


class DataOperator:
    """Base of all operators; constructed with its options alone.

    It can be pickled: engines carry it to other processes.
    """

    def fingerprint(self) -> str:
        """Return a short text that changes with every file it reads besides rows; empty if it reads none."""
        return ""


class RowOperator(DataOperator, ABC):
    """Operator on single rows: cleans, filters, masks, or derives further rows."""

    derives: ClassVar[bool] = False
    """Whether it makes further rows; then it is given rows of the train split alone."""

    masks: ClassVar[bool] = False
    """Whether it takes personal data out; then no beginnings of refused rows are kept either."""

    @abstractmethod
    def process(self, rows: Sequence[Example], context: StageContext) -> Sequence[Outcome]:
        """Return one outcome a row, in order.

        What it says of a row depends on that row and the options alone: rows come in batches of any size, in any
        process. A row whose batch raised is asked again alone, and quarantined if it raises once more.

        Raises:
            DataOperatorError: it cannot work at all.
        """


class SetOperator(DataOperator, ABC):
    """Operator on all rows, by a key of fixed width for each.

    Keys are gathered in a file, so that neither rows nor keys need to fit into memory.
    """

    width: ClassVar[int]
    """Bytes of a key."""

    @property
    def keeps_together(self) -> bool:
        """Return True if it drops no row but assigns each a group, named by its first row."""
        return False

    @abstractmethod
    def keys(self, rows: Sequence[Example]) -> bytes:
        """Return ``width`` bytes a row, concatenated; they depend on the row and the options alone."""

    @abstractmethod
    def decide(self, keys: Path, context: StageContext) -> Iterator[Fate]:
        """Yield one decision a row, in the order of the keys in the file.

        ``context.settings["memory_bytes"]`` is what it may use; ``context.work`` takes files.
        """


class SplitOperator(DataOperator, ABC):
    """Operator that assigns rows to splits."""

    @abstractmethod
    def place(self, key: str, context: StageContext) -> str:
        """Return ``train``, ``validation`` or ``test``; the same for every row with this key.

        Args:
            key: the row's group, its near-duplicates' cluster, or its content.
            context: ``settings["data_seed"]`` is the seed.
        """

    def wanted(self, context: StageContext) -> Sequence[str]:
        """Return the splits that should hold rows; the stage warns if one is empty."""
        return ()

    def asked_shares(self, context: StageContext) -> Mapping[str, float]:
        """Return the share of the rows asked for each split, 0 to 1; the stage warns if one is far from it."""
        return {}


class SealOperator(DataOperator, ABC):
    """Operator that encrypts rows wherever the stage stores them: in the data set and in its own folder."""

    @abstractmethod
    def sealing(self, file: BinaryIO) -> BinaryIO:
        """Return the stream that rows are written to instead of ``file``; closing it closes ``file``.

        The same content becomes the same bytes: a data set is named by what it holds. A file that was cut off must not
        be read as if it were whole.
        """

    @abstractmethod
    def opening(self, file: BinaryIO) -> BinaryIO:
        """Return the stream that is read instead of ``file``; closing it closes ``file``.

        Raises:
            DataError: it is none of its files, or was changed, here or while it is read.
        """


def first_seen(keys: Path, width: int, context: StageContext, rank_bytes: int = 0) -> "array[int]":
    """Return for each key of the file the place of its first occurrence (`ftctl.domain.seen_keys.first_places`).

    Within the memory that the stage may use, and where its engine does its work.
    """
    memory, parts = context.settings["memory_bytes"], context.settings.get("parts", 1)
    return first_places(keys, width, memory // parts, rank_bytes, context.spread, parts)
