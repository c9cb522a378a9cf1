"""Divide the named operators into parts: insert implied steps and check the order."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from attrs import frozen

from ftctl.application.dataset.step import Step
from ftctl.domain.example import Example
from ftctl.domain.outcome import Fate
from ftctl.domain.split import SplitShares
from ftctl.ports.context import StageContext
from ftctl.ports.data_operator import DataOperator, RowOperator, SetOperator, SplitOperator, first_seen

REPEATS, SPLIT, ECHOES = "repeats", "split", "echoes"
"""Names of the steps that nobody has to name; the last one where steps stand behind the split."""


@frozen
class SharesSplit(SplitOperator):
    """Assign splits by the hash of seed and key."""

    shares: SplitShares

    def place(self, key: str, context: StageContext) -> str:
        return self.shares.place(key, context.settings["data_seed"])

    def wanted(self, context: StageContext) -> Sequence[str]:
        return self.shares.wanted

    def asked_shares(self, context: StageContext) -> Mapping[str, float]:
        return {"validation": self.shares.validation, "test": self.shares.test}


class Repeats(SetOperator):
    """Keep the first of rows with the same content, so that no content stands in two splits."""

    width: ClassVar[int] = 16

    def keys(self, rows: Sequence[Example]) -> bytes:
        return b"".join(bytes.fromhex(row.content_digest) for row in rows)

    def decide(self, keys: Path, context: StageContext) -> Iterator[Fate]:
        firsts = first_seen(keys, self.width, context)
        for place, first in enumerate(firsts):
            yield Fate() if first == place else Fate("duplicate", "the same content", first)


class Echoes(SetOperator):
    """Remove duplicates that steps after the split created; rows that were read win over derived ones.

    Otherwise they could carry test rows into training.
    """

    width: ClassVar[int] = 17

    def keys(self, rows: Sequence[Example]) -> bytes:
        return b"".join(bytes.fromhex(row.content_digest) + (b"\1" if row.parents else b"\0") for row in rows)

    def decide(self, keys: Path, context: StageContext) -> Iterator[Fate]:
        firsts = first_seen(keys, self.width, context, rank_bytes=1)
        for place, first in enumerate(firsts):
            yield Fate() if first == place else Fate("duplicate", "the same content", first)


def parts(named: Sequence[tuple[str, DataOperator]], shares: SplitShares, *, sealed: bool = False) -> list[list[Step]]:
    """Return the parts of the recipe; each part but the last ends with a step that must see all rows.

    Args:
        named: operators with their names, in their order.
        shares: of the split that is put in, before the first operator that makes rows, where none is named.
        sealed: what is written of rows is encrypted.
    """
    steps = list(named)
    place = next((n for n, (_, one) in enumerate(steps) if _makes(one) or isinstance(one, SplitOperator)), len(steps))
    if not any(isinstance(one, SplitOperator) for _, one in steps):
        steps.insert(place, (SPLIT, SharesSplit(shares)))
    steps.insert(place, (REPEATS, Repeats()))
    behind = [one for _, one in steps[place + 2 :]]
    if any(isinstance(one, RowOperator) for one in behind):
        steps.append((ECHOES, Echoes()))
    # what is encrypted or masked must not be quoted beside it
    masked = sealed or any(isinstance(one, RowOperator) and one.masks for _, one in steps)
    found: list[list[Step]] = [[]]
    for number, (name, operator) in enumerate(_told_apart(steps)):
        found[-1].append(Step(name, operator, number, masked))
        if isinstance(operator, SetOperator):
            found.append([])
    return found


def _makes(operator: DataOperator) -> bool:
    return isinstance(operator, RowOperator) and operator.derives


def _told_apart(steps: Sequence[tuple[str, DataOperator]]) -> Iterator[tuple[str, DataOperator]]:
    """Number a name that occurs twice."""
    seen: Counter[str] = Counter()
    for name, operator in steps:
        seen[name] += 1
        yield (f"{name}-{seen[name]}" if seen[name] > 1 else name), operator
