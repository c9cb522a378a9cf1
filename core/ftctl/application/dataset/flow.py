"""The way of rows through a recipe: streamed from step to step, and laid down where a step must see all of them."""

import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any

from attrs import define, evolve, field

from ftctl.application.dataset.row import Row
from ftctl.application.dataset.shards import BELONGS, DIGEST, KEYS, LEDGER, NUMBERS, Shard, Shards, documents
from ftctl.application.dataset.step import Count, Step, apply, dropped
from ftctl.domain.event import PROGRESS_MADE
from ftctl.domain.example import Example, Rejection
from ftctl.domain.ledger import LedgerEntry
from ftctl.domain.outcome import Fate
from ftctl.domain.repeats import first_places
from ftctl.domain.together import alone, together
from ftctl.faults import fault
from ftctl.ports.context import StageContext
from ftctl.ports.data_operator import RowOperator, SetOperator, SplitOperator

BATCH = 512
"""Rows that an operator is given at once."""

SHARD = 20_000
"""Rows of a shard: what a crash can cost."""

DONE = "done.json"
Item = Row | LedgerEntry
"""What flows: a row that goes on, or the entry of one that does not."""


@define
class Flow:
    """``parts`` end with a step that must see all rows, but the last; ``read`` are the source's rows."""

    parts: Sequence[Sequence[Step]]
    context: StageContext
    counts: dict[str, Count] = field(factory=dict)
    read: int = 0
    ledgers: list[Path] = field(factory=list)
    """Entries of rows that were laid aside on the way, a file a part; in each sorted by row."""

    def run(self, source: Iterable[Example | Rejection]) -> Iterator[Item]:
        """What comes out behind the last step, in the order of the input rows.

        Raises:
            TypeError: the source tells something that is no row.
        """
        stream: Iterator[Item] = self._numbered(source)
        for number, part in enumerate(self.parts[:-1]):
            stream = self._whole(part, stream, self.context.work / f"part-{number}")
        steps = self.parts[-1]
        for items in batched(stream, BATCH):
            self.context.stop_if_cancelled()
            after, entries = self._through(steps, items, self.counts)
            yield from _in_order(after, entries)

    def _numbered(self, source: Iterable[Example | Rejection]) -> Iterator[Item]:
        masked = any(step.masked for step in chain.from_iterable(self.parts))
        for number, row in enumerate(source, 1):
            self.read = number
            if isinstance(row, Rejection):
                excerpt = "" if masked else row.excerpt
                yield LedgerEntry(number, row.where, "quarantined", row.byte, reason=row.reason, excerpt=excerpt)
            elif isinstance(row, Example):
                yield Row(number, row, row.byte)
            else:
                raise TypeError(f"row {number} is a {type(row).__name__}, no Example and no Rejection")

    def _whole(self, part: Sequence[Step], stream: Iterator[Item], folder: Path) -> Iterator[Item]:
        """Lays the rows down in shards, lets the last step decide over all of them, and takes them up again."""
        shards, steps, judge = Shards(folder), part[:-1], part[-1]
        assert isinstance(judge.operator, SetOperator)
        if (folder / DONE).exists():
            self._recall(json.loads((folder / DONE).read_text()))
        else:
            for items in batched(islice(stream, shards.taken, None), SHARD):
                shards.write(partial(self._fill, steps, judge.operator, items))
                self.context.emit(PROGRESS_MADE, done=_number(items[-1]), unit="rows")
            (folder / DONE).write_text(json.dumps({"read": self.read, "before": documents(self.counts)}))
            fault("data.part.done")
        for told in shards.counts():
            for name, document in told["steps"].items():
                self.counts.setdefault(name, Count()).add(document)
        self.ledgers.append(shards.join(LEDGER, folder / LEDGER))
        keys = shards.join(KEYS, folder / KEYS)
        fates = judge.operator.decide(keys, judge.context(self.context))
        if judge.operator.keeps_together:
            belongs = shards.join(BELONGS, folder / BELONGS)
            return self._kept_together(judge, shards.rows(), belongs, fates)
        numbers = array("q")
        numbers.frombytes(shards.join(NUMBERS, folder / NUMBERS).read_bytes())
        return self._judged(judge, shards.rows(), numbers, fates)

    def _recall(self, done: dict[str, Any]) -> None:
        """What was known when the part was done; nothing flows to it again."""
        self.read = done["read"]
        for name, document in done["before"].items():
            self.counts[name] = Count()
            self.counts[name].add(document)

    def _fill(self, steps: Sequence[Step], judge: SetOperator, items: Sequence[Item], shard: Shard) -> None:
        for batch in batched(items, BATCH):
            self.context.stop_if_cancelled()
            after, entries = self._through(steps, batch, shard.counts)
            keys = judge.keys([row.example for row in after]) if after else b""
            if len(keys) != judge.width * len(after):
                raise TypeError(f"{type(judge).__name__}.keys() must return {judge.width} bytes for each of its rows")
            shard.add(after, keys, sorted(entries, key=_number))
        shard.taken = len(items)

    def _judged(self, step: Step, rows: Iterator[Row], numbers: "array[int]", fates: Iterator[Fate]) -> Iterator[Item]:
        count = self.counts.setdefault(step.name, Count())
        for row, fate in zip(rows, fates, strict=True):
            count.came += 1
            if fate.state:
                count.dropped[fate.state] += 1
                repeats = None if fate.first is None else numbers[fate.first]
                yield dropped(row, fate.state, step.name, fate.reason, repeats)
            else:
                yield row

    def _kept_together(self, step: Step, rows: Iterator[Row], belongs: Path, fates: Iterator[Fate]) -> Iterator[Item]:
        """Clusters of rows, also by way of groups and earlier clusters, which are not divided either."""
        count = self.counts.setdefault(step.name, Count())
        said = array("q", (place if fate.first is None else fate.first for place, fate in enumerate(fates)))
        shared = first_places(belongs, DIGEST, self.context.settings["memory_bytes"])
        firsts = together(said, shared)
        single, clusters = alone(firsts), dict[int, str]()
        for place, row in enumerate(rows):
            count.came += 1
            yield row if single[place] else evolve(row, cluster=clusters.setdefault(firsts[place], row.key))

    def _through(
        self, steps: Sequence[Step], items: Sequence[Item], counts: dict[str, Count]
    ) -> tuple[list[Row], list[LedgerEntry]]:
        rows = [item for item in items if isinstance(item, Row)]
        entries = [item for item in items if isinstance(item, LedgerEntry)]
        for step in steps:
            operator, context = step.operator, step.context(self.context)
            if isinstance(operator, SplitOperator):
                rows = [evolve(row, split=operator.place(row.key, context)) for row in rows]
                continue
            assert isinstance(operator, RowOperator)
            rows, without = apply(step, operator, rows, counts.setdefault(step.name, Count()), context)
            entries += without
        return rows, entries


def batched(items: Iterable[Item], count: int) -> Iterator[list[Item]]:
    """So many at a time, and at the end what is left."""
    rest = iter(items)
    while some := list(islice(rest, count)):
        yield some


def _in_order(rows: list[Row], entries: list[LedgerEntry]) -> list[Item]:
    both: list[Item] = [*rows, *entries]
    return sorted(both, key=_number)


def _number(item: Item) -> int:
    return item.number if isinstance(item, Row) else item.row


def funnel(parts: Sequence[Sequence[Step]], counts: dict[str, Count]) -> list[dict[str, object]]:
    """What became of rows step by step, in their order."""
    steps = [step for step in chain.from_iterable(parts) if step.name in counts]
    return [{"step": step.name, **counts[step.name].document()} for step in steps]
