"""Read Zstandard frames as a stream of bytes."""

import io
from typing import IO, Any

from ftctl.ports.data_source import DataSourceError

BLOCK = 1 << 12
"""Packed bytes at a time: all that they expand to is in memory at once, 32,000 times as much at worst."""


class Zstd(io.RawIOBase):
    """Stream of decompressed frames; raises `EOFError` if the last one is incomplete."""

    def __init__(self, packed: IO[bytes]) -> None:
        try:
            import zstandard
        except ImportError as error:
            raise DataSourceError(".zst needs zstandard", next_step="pip install 'ftctl[data]'") from error
        self._packed, self._new = packed, zstandard.ZstdDecompressor().decompressobj
        self._frame: Any = None
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            packed = self._rest()
            if not packed:
                if self._frame is not None and not self._frame.eof:
                    raise EOFError("Compressed file ended before its end was reached")
                return 0
            if self._frame is None or self._frame.eof:
                self._frame = self._new()
            self._left = self._frame.decompress(packed)
        count = min(len(buffer), len(self._left))
        buffer[:count], self._left = self._left[:count], self._left[count:]
        return count

    def _rest(self) -> bytes:
        """Return input that has not been decompressed: after the end of a frame, or from the file."""
        behind = self._frame.unused_data if self._frame is not None and self._frame.eof else b""
        return behind or self._packed.read(BLOCK)

    def close(self) -> None:
        super().close()
        self._packed.close()
