"""Operators of the data stage that do one simple thing."""

import io
import zlib
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO, ClassVar, cast

from attrs import evolve

from ftctl.domain.example import Example
from ftctl.domain.outcome import Derived, Dropped, Fate, Outcome
from ftctl.domain.seen_keys import first_places
from ftctl.plugin import option, options
from ftctl.ports.context import StageContext
from ftctl.ports.data_operator import DataOperatorError, RowOperator, SealOperator, SetOperator, SplitOperator


@options
class FakeDataOperatorOptions:
    """Options of `FakeDataOperator`."""

    drops: str = option("", help="Rows that hold this text are dropped.")
    fails: str = option("", help="It raises over rows that hold this text.")
    replaces: str = option("", help="A text that it takes out of rows.")


class FakeDataOperator(RowOperator):
    """Drops, raises, or takes a text out, as it is told."""

    def __init__(self, options: FakeDataOperatorOptions) -> None:
        self._options = options

    def process(self, rows: Sequence[Example], context: StageContext) -> Sequence[Outcome]:
        return [self._one(row) for row in rows]

    def _one(self, row: Example) -> Outcome:
        told, asked = str(row.to_row()), self._options
        if asked.fails and asked.fails in told:
            raise RuntimeError("failed on purpose")
        if asked.drops and asked.drops in told:
            return Dropped("filtered", "dropped on purpose")
        if not asked.replaces:
            return row
        messages = tuple(evolve(m, content=m.content.replace(asked.replaces, "…")) for m in row.messages)
        return evolve(row, messages=messages, text=row.text.replace(asked.replaces, "…"))


@options
class FakeSetOperatorOptions:
    """Options of `FakeSetOperator`."""

    clusters: bool = option(False, help="Leave all rows, and keep those together that begin alike.")


class FakeSetOperator(SetOperator):
    """Keeps one row of those whose first eight characters are equal."""

    width: ClassVar[int] = 16

    def __init__(self, options: FakeSetOperatorOptions) -> None:
        self._options = options

    @property
    def keeps_together(self) -> bool:
        return self._options.clusters

    def keys(self, rows: Sequence[Example]) -> bytes:
        told = [row.text or row.messages[0].content for row in rows]
        return b"".join(sha256(text[:8].encode()).digest()[:16] for text in told)

    def decide(self, keys: Path, context: StageContext) -> Iterator[Fate]:
        for place, first in enumerate(first_places(keys, self.width, context.settings["memory_bytes"])):
            goes_on = self._options.clusters or first == place
            yield Fate(first=first) if goes_on else Fate("duplicate", "begins alike", first)


@options
class FakeMakerOptions:
    """Options of `FakeMaker`."""

    made: int = option(1, help="Rows made of each.", ge=0)


class FakeMaker(RowOperator):
    """Adds a row with the text in capitals."""

    derives: ClassVar[bool] = True

    def __init__(self, options: FakeMakerOptions) -> None:
        self._options = options

    def process(self, rows: Sequence[Example], context: StageContext) -> Sequence[Outcome]:
        return [Derived(row, tuple(self._louder(row, n) for n in range(self._options.made))) for row in rows]

    def _louder(self, row: Example, times: int) -> Example:
        end = "!" * (times + 1)
        messages = tuple(evolve(m, content=m.content + end) for m in row.messages)
        return evolve(row, messages=messages, text=row.text and row.text + end)


@options
class FakeSplitOptions:
    """Options of `FakeSplit`."""


class FakeSplit(SplitOperator):
    """Puts every row into the train split."""

    def __init__(self, options: FakeSplitOptions) -> None:
        self._options = options

    def place(self, key: str, context: StageContext) -> str:
        return "train"


@options
class FakeSealOptions:
    """Options of `FakeSeal`."""


class FakeSeal(SealOperator):
    """Inverts every bit, which only hides text from the eye, and appends a checksum."""

    def __init__(self, options: FakeSealOptions) -> None:
        self._options = options

    def sealing(self, file: BinaryIO) -> BinaryIO:
        return cast("BinaryIO", Turning(file))

    def opening(self, file: BinaryIO) -> BinaryIO:
        with file:
            content = file.read()
        if zlib.crc32(content[:-4]).to_bytes(4, "big") != content[-4:]:
            raise DataOperatorError("the file was changed")
        return io.BytesIO(turned(content[:-4]))


class Turning(io.RawIOBase):
    """Stream that writes its content to ``file`` on closing."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._content = file, bytearray()

    def writable(self) -> bool:
        return True

    def write(self, content: object) -> int:
        given = bytes(content)  # type: ignore[call-overload]
        self._content += turned(given)
        return len(given)

    def close(self) -> None:
        if not self.closed:
            self._file.write(self._content + zlib.crc32(self._content).to_bytes(4, "big"))
            self._file.close()
        super().close()


def turned(content: bytes) -> bytes:
    """Return the bytes with every bit inverted."""
    return content.translate(bytes(255 - byte for byte in range(256)))
