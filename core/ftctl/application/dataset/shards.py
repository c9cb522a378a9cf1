"""Rows on disk between two parts of the way, in shards: one that is finished survives a crash and is used again."""

import json
import os
import shutil
from array import array
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO, TextIO

from attrs import define, field

from ftctl.application.dataset.row import Row
from ftctl.application.dataset.step import Count
from ftctl.domain.ledger import LedgerEntry
from ftctl.faults import fault

ROWS, LEDGER, KEYS, COUNTS = "rows.jsonl", "ledger.jsonl", "keys", "counts.json"
NUMBERS, BELONGS = "numbers", "belongs"
DIGEST = 16
"""Bytes of each entry of `BELONGS`."""


@define
class Shard:
    """A shard while it is written: rows that go on, their keys, and entries of rows that do not."""

    folder: Path
    rows: TextIO
    ledger: TextIO
    keys: BinaryIO
    numbers: BinaryIO
    belongs: BinaryIO
    """A digest of what each row shares with rows that it must not be divided from; of its number where of nothing."""
    taken: int = 0
    """How many items of what flowed to it it accounts for."""
    counts: dict[str, Count] = field(factory=dict)

    def add(self, rows: list[Row], keys: bytes, entries: list[LedgerEntry]) -> None:
        for row in rows:
            self.rows.write(row.dump())
        self.keys.write(keys)
        array("q", [row.number for row in rows]).tofile(self.numbers)
        for row in rows:
            told = f"shared {row.belongs}" if row.belongs else f"{row.number} {row.example.where}"
            self.belongs.write(blake2b(told.encode(), digest_size=DIGEST).digest())
        for entry in entries:
            self.ledger.write(line(entry))

    def count(self, step: str) -> Count:
        return self.counts.setdefault(step, Count())


@define
class Shards:
    """The shards of one part of the way, in their order."""

    folder: Path
    finished: list[Path] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        while (self.folder / f"{len(self.finished):05d}").exists():
            self.finished.append(self.folder / f"{len(self.finished):05d}")

    def counts(self) -> Iterator[dict[str, Any]]:
        """Of each finished shard: how many items it has ``taken``, and by step what became of rows."""
        for folder in self.finished:
            yield json.loads((folder / COUNTS).read_text(encoding="utf-8"))

    @property
    def taken(self) -> int:
        """How many items finished shards account for."""
        return sum(counts["taken"] for counts in self.counts())

    def write(self, fill: Callable[[Shard], None]) -> None:
        """Lets ``fill`` write one more shard, which is there whole afterwards or not at all."""
        draft, place = self.folder / "draft", self.folder / f"{len(self.finished):05d}"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        with ExitStack() as stack:
            rows, ledger = (stack.enter_context(_text(draft / name)) for name in (ROWS, LEDGER))
            keys, numbers, belongs = (
                stack.enter_context((draft / name).open("wb")) for name in (KEYS, NUMBERS, BELONGS)
            )
            shard = Shard(draft, rows, ledger, keys, numbers, belongs)
            fill(shard)
            for file in (rows, ledger, keys, numbers, belongs):
                file.flush()
                os.fsync(file.fileno())
        told = {"taken": shard.taken, "steps": documents(shard.counts)}
        with (draft / COUNTS).open("w", encoding="utf-8") as file:
            json.dump(told, file)
            file.flush()
            os.fsync(file.fileno())
        fault("data.shard.before_rename")
        draft.rename(place)
        self.finished.append(place)
        fault("data.shard.after_rename")

    def rows(self) -> Iterator[Row]:
        for folder in self.finished:
            with (folder / ROWS).open(encoding="utf-8", newline="\n") as lines:
                yield from map(Row.load, lines)

    def join(self, name: str, out: Path) -> Path:
        """All shards' files of this name as one."""
        with out.open("wb") as target:
            for folder in self.finished:
                with (folder / name).open("rb") as source:
                    shutil.copyfileobj(source, target, 1 << 20)
        return out


def documents(counts: dict[str, Count]) -> dict[str, Any]:
    """Counts as JSON."""
    return {name: count.document() for name, count in counts.items()}


def _text(path: Path) -> TextIO:
    return path.open("w", encoding="utf-8", newline="\n")


def line(entry: LedgerEntry) -> str:
    """The entry as one line, whose first 12 characters sort it."""
    return f"{entry.row:012d}{json.dumps(entry.document(), ensure_ascii=False)}\n"
