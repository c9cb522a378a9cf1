"""Pages that were read, kept in the stage's work folder until the data set is made."""

import json
import os
from base64 import b64encode
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID


class Pages:
    """One file a page, written whole or not at all; those of another state of the database are forgotten."""

    def __init__(self, work: Path, fingerprint: str) -> None:
        self._folder = work / f"sql-{fingerprint[:16]}"
        self._folder.mkdir(parents=True, exist_ok=True)
        self._files = sorted(self._folder.glob("*.json"))
        self.last = self._read(self._files[-1])["last"] if self._files else None
        self.rows = sum(len(self._read(path)["rows"]) for path in self._files)

    def kept(self) -> Iterator[list[dict[str, Any]]]:
        """The pages of an earlier try, in their order."""
        for path in list(self._files):
            yield self._read(path)["rows"]

    def keep(self, rows: list[dict[str, Any]], last: Any) -> list[dict[str, Any]]:
        """Writes a page down, and returns its rows as they will be read again."""
        path = self._folder / f"{len(self._files):08}.json"
        text = json.dumps({"last": last, "rows": rows}, default=plain, ensure_ascii=False)
        half = path.with_suffix(".half")
        with half.open("w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        half.replace(path)
        self._files.append(path)
        found: list[dict[str, Any]] = json.loads(text)["rows"]
        self.last, self.rows = last, self.rows + len(found)
        return found

    def _read(self, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found


def plain(value: Any) -> Any:
    """A value of a database as JSON has it; of an unusual type as the driver spells it."""
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, bytes | memoryview):
        return b64encode(bytes(value)).decode()
    return str(value)
