"""Read a small file of a user's whole, whatever it is: a pipe or a device too, and never without an end."""

import os
import select
import stat
import time
from pathlib import Path

PIECE = 1 << 16
SECONDS = 10.0
"""How long a pipe may be silent."""


def read_bounded(path: Path, most: int, seconds: float = SECONDS) -> bytes:
    """Return the content, at most ``most`` + 1 bytes of it.

    Args:
        path: a file, or what a shell gives for ``<(command)``.
        most: bytes; whoever gets more knows that there is too much.
        seconds: how long a pipe may be silent.

    Raises:
        OSError: it cannot be read, or a pipe stays silent.
    """
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise IsADirectoryError(21, "Is a directory", str(path))
        found, last = bytearray(), time.monotonic()
        while len(found) <= most:
            try:
                piece = os.read(handle, min(PIECE, most + 1 - len(found)))
            except BlockingIOError:
                if time.monotonic() - last > seconds:
                    raise TimeoutError(110, f"nothing came for {seconds:g} s", str(path)) from None
                select.select([handle], [], [], 0.1)
                continue
            if not piece:
                break
            found, last = found + piece, time.monotonic()
        return bytes(found)
    finally:
        os.close(handle)
