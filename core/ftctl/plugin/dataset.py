"""Reading a data set artifact: one canonical example a line, one file a split."""

import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from ftctl.domain.artifact import Artifact
from ftctl.domain.example import Example


def read_split(data: Artifact, split: str, limit: int | None = None) -> Iterator[Example]:
    """The examples of a split (``train``, ``validation``, ``test``) in their stored order, read as they are used."""
    path = Path(data.path) / f"{split}.jsonl"
    with path.open(encoding="utf-8") as lines:
        for line in islice(lines, limit):
            yield Example.from_row(json.loads(line))


def count_rows(data: Artifact, split: str) -> int:
    """How many examples a split holds, from the artifact's own facts."""
    return int(data.facts["splits"].get(split, 0))
