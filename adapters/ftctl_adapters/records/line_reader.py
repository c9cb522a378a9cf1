"""Read lines of a plain or compressed file in bounded memory."""

import contextlib
import zlib
from collections.abc import Iterator
from typing import IO, NamedTuple

from ftctl.ports.data_source import DataSourceError
from ftctl_adapters.records.locations import Place

MAX_LINE_BYTES = 8 << 20
BLOCK = 1 << 20
MARK = b"\xef\xbb\xbf"
"""UTF-8's byte order mark."""
MAX_RATIO = 200
RATIO_FROM = 256 << 20
"""Expanded bytes from which a packed file's ratio is held against `MAX_RATIO`."""
_UNREADABLE = (OSError, EOFError, zlib.error)


class Line(NamedTuple):
    """``number`` counts from 1; ``data`` is ``None`` for a line longer than the limit, which is skipped unread.

    ``start`` is where it begins, in bytes from the beginning of the unpacked file.
    """

    number: int
    data: bytes | None
    complete: bool = True
    start: int = 0


class CutOff(Exception):
    """A compressed file that ends too early; ``line`` is where."""

    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def read_lines(place: Place, *, blank: bool = False) -> Iterator[Line]:
    """Yield lines without their ends; blank ones, and a ``\r`` before ``\n``, only if asked for.

    Raises:
        DataSourceError: UTF-16, a packed file that is broken or expands out of all proportion, or an I/O error.
        CutOff: behind the last whole line of a packed file that was cut.
    """
    with readable(place), place.open() as stream:
        yield from _split(_blocks(stream, place), blank, _mark_bytes(place))


@contextlib.contextmanager
def readable(place: Place) -> Iterator[None]:
    """Turn errors while a file is read into the port's error.

    Raises:
        DataSourceError: instead of whatever its system, its packing or its store raised.
    """
    try:
        yield
    except _UNREADABLE as error:
        raise DataSourceError(f"{place.address}: cannot be read: {error}", next_step="check the file") from error
    except Exception as error:
        if place.packing != ".zst" or type(error).__name__ != "ZstdError":
            raise
        raise DataSourceError(f"{place.address}: cannot be unpacked: {error}", next_step="check the file") from error


def read_whole(place: Place, limit: int) -> bytes:
    """Return the content of a file, decompressed, without byte order mark.

    Raises:
        DataSourceError: it is larger than ``limit`` bytes, or cannot be read.
    """
    parts, size = [], 0
    with readable(place), place.open() as stream:
        for block in _blocks(stream, place):
            size += len(block)
            if size > limit:
                text = f"{place.address}: is read whole, up to {limit >> 20} MiB"
                raise DataSourceError(text, next_step="write it as .jsonl, one row a line")
            parts.append(block)
    return b"".join(parts)


def _blocks(stream: IO[bytes], place: Place) -> Iterator[bytes]:
    expanded, stored = 0, max(place.size(), 1)
    read = getattr(stream, "read1", stream.read)
    while block := read(BLOCK):  # what was unpacked before a file breaks off is not lost
        if not expanded:
            block = _without_mark(block, place)
        expanded += len(block)
        if place.packing and expanded > RATIO_FROM and expanded > MAX_RATIO * stored:
            text = f"{place.address}: expands more than {MAX_RATIO} times (a {place.packing[1:]} bomb?)"
            raise DataSourceError(text, next_step="unpack it")
        yield block


def _without_mark(block: bytes, place: Place) -> bytes:
    if block.startswith((b"\xff\xfe", b"\xfe\xff")):
        step = "say data_source.encoding: utf-16, or save it as UTF-8"
        raise DataSourceError(f"{place.address}: is UTF-16", next_step=step)
    return block.removeprefix(MARK)


def _mark_bytes(place: Place) -> int:
    """Return the length of the byte order mark."""
    with place.open() as stream:
        return len(MARK) if stream.read(len(MARK)) == MARK else 0


def _split(blocks: Iterator[bytes], blank: bool, start: int) -> Iterator[Line]:
    number, begun, size = 1, list[bytes](), 0
    for block in _until_cut(blocks):
        if block is None:
            raise CutOff(number)
        *whole, rest = block.split(b"\n")
        for piece in whole:
            size += len(piece)
            data = None if size > MAX_LINE_BYTES else b"".join((*begun, piece)) if begun else piece
            if data is None or blank or (data and not data.isspace()):
                yield Line(number, data if blank or data is None else data.rstrip(b"\r"), True, start)
            number, start, size = number + 1, start + size + 1, 0
            begun = []
        size += len(rest)
        begun = [*begun, rest] if size <= MAX_LINE_BYTES else []
    if size > MAX_LINE_BYTES:
        yield Line(number, None, False, start)
    elif (data := b"".join(begun)).strip():
        yield Line(number, data if blank else data.rstrip(b"\r"), False, start)


def _until_cut(blocks: Iterator[bytes]) -> Iterator[bytes | None]:
    """Yield blocks, and ``None`` where a compressed file breaks off."""
    try:
        yield from blocks
    except EOFError:
        yield None
