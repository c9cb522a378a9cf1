"""Rows on disk between two parts of a recipe, in shards; a finished shard survives a crash."""

import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import define, field

from ftctl.application.dataset.row import Row
from ftctl.application.dataset.shard_worker import ShardResult
from ftctl.faults import fault
from ftctl.ports.data_operator import SealOperator

ROWS, LEDGER, KEYS, COUNTS = "rows.jsonl", "ledger.jsonl", "keys", "counts.json"
NUMBERS, BELONGS = "numbers", "belongs"


@define
class Shards:
    """Shards of one part, in order; rows are encrypted if a ``seal`` is given."""

    folder: Path
    seal: SealOperator | None = None
    finished: list[Path] = field(factory=list)

    def __attrs_post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        while (self.folder / f"{len(self.finished):05d}").exists():
            self.finished.append(self.folder / f"{len(self.finished):05d}")

    def counts(self) -> Iterator[dict[str, Any]]:
        """Yield, for each finished shard, the number of items ``taken`` and each step's counts."""
        for folder in self.finished:
            yield json.loads((folder / COUNTS).read_text(encoding="utf-8"))

    @property
    def taken(self) -> int:
        """Return the number of items that finished shards account for."""
        return sum(counts["taken"] for counts in self.counts())

    def write(self, done: ShardResult) -> None:
        """Write one more shard, atomically."""
        draft, place = self.folder / "draft", self.folder / f"{len(self.finished):05d}"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir()
        told = json.dumps({"taken": done.taken, "steps": done.counts}).encode()
        parts = {ROWS: done.rows, LEDGER: done.ledger, KEYS: done.keys, NUMBERS: done.numbers, BELONGS: done.belongs,
                 COUNTS: told}  # fmt: skip
        for name, content in parts.items():
            self._lay_down(draft / name, content)
        fault("data.shard.before_rename")
        draft.rename(place)
        self.finished.append(place)
        fault("data.shard.after_rename")

    def rows(self) -> Iterator[Row]:
        """Yield the rows of all finished shards."""
        for folder in self.finished:
            file = (folder / ROWS).open("rb")
            with io.TextIOWrapper(self.seal.opening(file) if self.seal else file, "utf-8", newline="\n") as lines:
                yield from map(Row.load, lines)

    def _lay_down(self, path: Path, content: bytes) -> None:
        with path.open("wb") as file:
            if self.seal and path.name == ROWS:
                with self.seal.sealing(file) as sealing:
                    sealing.write(content)
            else:
                file.write(content)
        with path.open("rb") as file:
            os.fsync(file.fileno())

    def join(self, name: str, out: Path) -> Path:
        """Concatenate the files of this name over all shards."""
        with out.open("wb") as target:
            for folder in self.finished:
                with (folder / name).open("rb") as source:
                    shutil.copyfileobj(source, target, 1 << 20)
        return out
