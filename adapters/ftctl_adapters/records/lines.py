"""Lines of a file, plain or gzip, in bounded memory."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from attrs import evolve, frozen

from ftctl.ports.data_source import DataSourceError

MAX_LINE_BYTES = 8 << 20
BLOCK = 1 << 20
MARK = b"\xef\xbb\xbf"
"""UTF-8's byte order mark."""
MAX_RATIO = 200
RATIO_FROM = 256 << 20
"""Expanded bytes from which a gzip file's ratio is held against `MAX_RATIO`."""
_UNREADABLE = (OSError, EOFError, zlib.error)


@frozen
class Line:
    """``number`` counts from 1; ``data`` is ``None`` for a line longer than the limit, which is skipped unread.

    ``start`` is where it begins, in bytes from the beginning of the unpacked file.
    """

    number: int
    data: bytes | None
    complete: bool = True
    start: int = 0


def read_lines(path: Path, *, blank: bool = False) -> Iterator[Line]:
    """The lines of a file without their ends; blank ones only when asked for.

    Raises:
        DataSourceError: UTF-16, a gzip file that is broken or expands out of all proportion, or an I/O error.
    """
    try:
        with _open(path) as stream:
            yield from _split(_blocks(stream, path), blank, _mark_bytes(path))
    except _UNREADABLE as error:
        raise DataSourceError(f"{path}: cannot be read: {error}", next_step="check the file") from error


def read_whole(path: Path, limit: int) -> bytes:
    """The content of a file, unpacked, without its byte order mark.

    Raises:
        DataSourceError: it is larger than ``limit`` bytes, or cannot be read.
    """
    parts, size = [], 0
    try:
        with _open(path) as stream:
            for block in _blocks(stream, path):
                size += len(block)
                if size > limit:
                    text = f"{path}: is read whole, up to {limit >> 20} MiB"
                    raise DataSourceError(text, next_step="write it as .jsonl, one row a line")
                parts.append(block)
    except _UNREADABLE as error:
        raise DataSourceError(f"{path}: cannot be read: {error}", next_step="check the file") from error
    return b"".join(parts)


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]


def _blocks(stream: IO[bytes], path: Path) -> Iterator[bytes]:
    expanded, stored = 0, max(path.stat().st_size, 1)
    while block := stream.read(BLOCK):
        if not expanded:
            block = _without_mark(block, path)
        expanded += len(block)
        if path.suffix == ".gz" and expanded > RATIO_FROM and expanded > MAX_RATIO * stored:
            raise DataSourceError(f"{path}: expands more than {MAX_RATIO} times (a gzip bomb?)", next_step="unpack it")
        yield block


def _without_mark(block: bytes, path: Path) -> bytes:
    if block.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataSourceError(f"{path}: is UTF-16", next_step="save it as UTF-8")
    return block.removeprefix(MARK)


def _mark_bytes(path: Path) -> int:
    """The length of the byte order mark, which is no part of the first line."""
    with _open(path) as stream:
        return len(MARK) if stream.read(len(MARK)) == MARK else 0


def _split(blocks: Iterator[bytes], blank: bool, start: int) -> Iterator[Line]:
    number, parts, size = 1, list[bytes](), 0
    for block in blocks:
        pieces = block.split(b"\n")
        for place, piece in enumerate(pieces):
            size += len(piece)
            parts = [*parts, piece] if size <= MAX_LINE_BYTES else []
            if place < len(pieces) - 1:
                yield from _line(Line(number, b"", True, start), parts, size, blank)
                number, parts, start, size = number + 1, [], start + size + 1, 0
    yield from _line(Line(number, b"", False, start), parts, size, False)


def _line(line: Line, parts: list[bytes], size: int, blank: bool) -> Iterator[Line]:
    if size > MAX_LINE_BYTES:
        yield evolve(line, data=None)
        return
    data = b"".join(parts).rstrip(b"\r")
    if blank or data.strip():
        yield Line(line.number, data, line.complete, line.start)
