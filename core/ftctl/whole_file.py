"""Write files atomically, also across a crash."""

import os
from pathlib import Path


def write_whole(path: Path, text: str) -> None:
    """Replace a file atomically; a reader sees the old text, none, or the new one.

    Halves of surrogate pairs are written as ``\\ud800``, as JSON has them.

    Raises:
        OSError: the file is what it was.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with draft.open("w", encoding="utf-8", errors="backslashreplace", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        draft.replace(path)
        sync(path.parent)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def sync(path: Path) -> None:
    """Flush a file or directory to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
