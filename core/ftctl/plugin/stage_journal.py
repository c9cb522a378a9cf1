"""Store partial results of a stage, so that it continues after a kill."""

import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


class Journal:
    """Append-only file of JSON lines; a value is on disk when `append` returns."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, values: Iterable[Any]) -> None:
        """Append JSON values, flushed to disk."""
        text = "".join(json.dumps(value) + "\n" for value in values)
        with self._path.open("a", encoding="utf-8") as lines:
            # a line that a crash cut short ends here, and is no line
            lines.write(f"\n{text}" if lines.tell() else text)
            lines.flush()
            os.fsync(lines.fileno())

    def values(self) -> Iterator[Any]:
        """Yield the values appended on all tries, without a line that a crash cut short."""
        for line in self._path.read_bytes().splitlines() if self._path.exists() else ():
            try:
                yield json.loads(line)
            except ValueError:
                continue
