"""Read text of other encodings as UTF-8."""

import codecs
import io
from collections.abc import Callable
from typing import IO

from ftctl.ports.data_source import DataSourceError

UTF8, AUTO = "utf-8", "auto"
SAMPLE = 1 << 20
"""Bytes from which an encoding is guessed."""
WINDOWS, CLOSE = "cp1252", 0.02
"""The usual code page of western Windows, and how much messier its text may look than the best one's."""


def known_encoding(name: str) -> str:
    """Return the canonical name of an encoding, or ``auto``.

    Raises:
        DataSourceError: Python has none of that name.
    """
    if name == AUTO:
        return AUTO
    try:
        found = codecs.lookup(name).name
    except LookupError as error:
        step = "use a name such as utf-8, utf-16, cp1252, gb18030 or shift_jis, or auto"
        raise DataSourceError(f"data_source.encoding: no encoding {name!r}", next_step=step) from error
    return UTF8 if found == "utf-8-sig" else found


def as_utf8(opened: Callable[[], IO[bytes]], encoding: str, name: str) -> IO[bytes]:
    """Return a stream of UTF-8 over a file in another encoding.

    Args:
        opened: opens the file.
        encoding: of its text.
        name: of the file, for messages.

    Raises:
        DataSourceError: while it is read, a byte that is not of the encoding.
    """
    return io.BufferedReader(_Recoded(opened(), encoding, name), SAMPLE)


def guessed(opened: Callable[[], IO[bytes]], name: str) -> str:
    """Return the encoding that a file probably has, by its first bytes.

    Raises:
        DataSourceError: none fits.
    """
    with opened() as stream:
        sample = stream.read(SAMPLE)
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if _fits(sample, UTF8):
        return "utf-8-sig"
    try:
        from charset_normalizer import from_bytes
    except ImportError as error:
        step = "pip install 'ftctl[data]'"
        raise DataSourceError("encoding: auto needs charset-normalizer", next_step=step) from error
    matches = from_bytes(sample)
    best = matches.best()
    if best is None:
        raise DataSourceError(f"{name}: its encoding cannot be guessed", next_step="name it: data_source.encoding")
    for match in () if best.encoding.startswith("cp125") else matches:
        # few signs beyond ASCII fit many code pages, of which files of today have those of Windows
        if match.chaos <= best.chaos + CLOSE and WINDOWS in (match.encoding, *match.could_be_from_charset):
            return WINDOWS
    # a file may have characters behind the sample that only the larger set has
    return "gb18030" if best.encoding in ("gb2312", "gbk") else str(best.encoding)


def _fits(sample: bytes, encoding: str) -> bool:
    """Return True if the sample is of this encoding, save for a character that its end cuts off."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError:
        return False
    return True


class _Recoded(io.RawIOBase):
    """Bytes of UTF-8 out of a stream in another encoding."""

    def __init__(self, stream: IO[bytes], encoding: str, name: str) -> None:
        self._stream, self._encoding, self._name = stream, encoding, name
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            block = self._stream.read(SAMPLE)
            try:
                text = self._decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                what = f"{self._name}: is not {self._encoding}: {error.reason}"
                raise DataSourceError(what, next_step="name another: data_source.encoding") from error
            self._rest = text.encode("utf-8", "surrogatepass")
            if not block:
                break
        count = min(len(buffer), len(self._rest))
        buffer[:count], self._rest = self._rest[:count], self._rest[count:]
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()
