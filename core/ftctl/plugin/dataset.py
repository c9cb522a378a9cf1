"""Read a data set artifact: one canonical example a line, one file a split."""

import json
from collections.abc import Iterator
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import TextIO

from ftctl.domain.artifact import Artifact
from ftctl.domain.example import Example
from ftctl.errors import PluginBroken
from ftctl.plugin.offer import load
from ftctl.plugin.registry import Registry, Unknown


def read_split(data: Artifact, split: str, limit: int | None = None) -> Iterator[Example]:
    """Yield the examples of a split (``train``, ``validation``, ``test``) in stored order.

    Raises:
        UsageError: it is encrypted, and its key is not where the run file said.
        DataError: it is encrypted by another key, or was changed.
    """
    with _opened(data, split) as lines:
        for line in islice(lines, limit):
            yield Example.from_row(json.loads(line))


def count_rows(data: Artifact, split: str) -> int:
    """Return the number of examples of a split, from the artifact's own facts."""
    return int(data.facts["splits"].get(split, 0))


def is_sealed(data: Artifact) -> bool:
    """Return True if the splits are encrypted; texts made from them must not be stored in plain."""
    return "sealed" in data.facts


def _opened(data: Artifact, split: str) -> TextIO:
    path = Path(data.path) / f"{split}.jsonl"
    if not is_sealed(data):
        return path.open(encoding="utf-8")
    by = data.facts["sealed"]
    offer = Registry().find("data_operator", by["use"])
    if isinstance(offer, Unknown):
        raise PluginBroken(f"{data.id} is encrypted: {offer.reason}", next_step="install what it was encrypted with")
    try:
        operator = load(offer.factory)(load(offer.options)(**by["options"]))
    except (ImportError, AttributeError, TypeError) as error:
        raise PluginBroken(f"{data.id} was encrypted by another {offer.full_name}: {error}") from error
    return TextIOWrapper(operator.opening(path.with_suffix(".jsonl.enc").open("rb")), "utf-8")
