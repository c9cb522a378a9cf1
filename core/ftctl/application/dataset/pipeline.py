"""Run rows through a recipe: streamed between steps, stored where a step must see all of them."""

import json
from array import array
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from attrs import define, evolve, field

from ftctl.application.dataset.row import Row
from ftctl.application.dataset.shard_worker import BATCH, DIGEST, Item, ShardResult, ShardWorker, number_of, through
from ftctl.application.dataset.shards import BELONGS, KEYS, LEDGER, NUMBERS, Shards
from ftctl.application.dataset.step import Count, Step, dropped, unquoted
from ftctl.domain.event import PROGRESS_MADE
from ftctl.domain.example import Example, Rejection
from ftctl.domain.ledger import LedgerEntry
from ftctl.domain.outcome import Fate
from ftctl.domain.union_find import components, is_single
from ftctl.errors import from_json
from ftctl.faults import fault
from ftctl.ports.context import StageContext
from ftctl.ports.data_operator import SealOperator, SetOperator, first_seen
from ftctl.whole_file import write_whole

SHARD = 20_000
"""Rows of a shard: the most that a crash can lose."""

DONE = "done.json"


@define
class Pipeline:
    """Steps of a recipe in ``parts``, each but the last ending with a step that must see all rows.

    ``read`` counts the source's rows.
    """

    parts: Sequence[Sequence[Step]]
    context: StageContext
    counts: dict[str, Count] = field(factory=dict)
    read: int = 0
    ledgers: list[Path] = field(factory=list)
    """Ledger entries of rows that earlier parts dropped, a file a part, sorted by row."""
    remote: bool = False
    """Whether the engine does its work in other processes."""
    seal: SealOperator | None = None

    def run(self, source: Iterable[Example | Rejection]) -> Iterator[Item]:
        """Yield the rows that pass the last step, in the order of the input rows.

        Raises:
            TypeError: the source yields neither `Example` nor `Rejection`.
        """
        stream: Iterator[Item] = self._numbered(source)
        for number, part in enumerate(self.parts[:-1]):
            stream = self._whole(part, stream, self.context.work / f"part-{number}")
        steps = self.parts[-1]
        for items in batched(stream, BATCH):
            self.context.stop_if_cancelled()
            after, entries = through(steps, items, self.counts, self.context)
            yield from _in_order(after, entries)

    def _numbered(self, source: Iterable[Example | Rejection]) -> Iterator[Item]:
        masked = any(step.masked for step in chain.from_iterable(self.parts))
        for number, row in enumerate(source, 1):
            self.read = number
            if isinstance(row, Rejection):
                excerpt, reason = ("", unquoted(row.reason)) if masked else (row.excerpt, row.reason)
                yield LedgerEntry(number, row.where, "quarantined", row.byte, reason=reason, excerpt=excerpt)
            elif isinstance(row, Example):
                yield Row(number, row, row.byte)
            else:
                raise TypeError(f"row {number} is a {type(row).__name__}, no Example and no Rejection")

    def _whole(self, part: Sequence[Step], stream: Iterator[Item], folder: Path) -> Iterator[Item]:
        """Store the rows in shards, let the last step decide over all of them, and read them back."""
        shards, steps, judge = Shards(folder, self.seal), part[:-1], part[-1]
        assert isinstance(judge.operator, SetOperator)
        if (folder / DONE).exists():
            self._recall(json.loads((folder / DONE).read_text()))
        else:
            for done in self._worked(
                ShardWorker(steps, judge.operator, self.context), islice(stream, shards.taken, None)
            ):
                shards.write(done)
                self.context.emit(PROGRESS_MADE, done=done.last, unit="rows")
            before = {name: count.document() for name, count in self.counts.items()}
            write_whole(folder / DONE, json.dumps({"read": self.read, "before": before}))
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
        """Restore the counts of a finished part, which no further row enters."""
        self.read = done["read"]
        for name, document in done["before"].items():
            self.counts[name] = Count()
            self.counts[name].add(document)

    def _worked(self, labour: ShardWorker, items: Iterator[Item]) -> Iterator[ShardResult]:
        """Yield shards in order, processed where the engine runs work."""
        work = labour.away() if self.remote else labour
        for done in self.context.spread(work, batched(items, SHARD)):
            if done.error:
                raise from_json(done.error)
            for kind, data in done.events:
                self.context.emit(kind, **data)
            self.context.stop_if_cancelled()
            yield done

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
        """Yield rows labelled with their cluster; clusters that share a group are merged."""
        count = self.counts.setdefault(step.name, Count())
        said = array("q", (place if fate.first is None else fate.first for place, fate in enumerate(fates)))
        shared = first_seen(belongs, DIGEST, self.context)
        firsts = components(said, shared)
        single, clusters = is_single(firsts), dict[int, str]()
        for place, row in enumerate(rows):
            count.came += 1
            yield row if single[place] else evolve(row, cluster=clusters.setdefault(firsts[place], row.key))


def batched(items: Iterable[Item], count: int) -> Iterator[list[Item]]:
    """Yield lists of ``count`` items, and a shorter last one."""
    rest = iter(items)
    while some := list(islice(rest, count)):
        yield some


def _in_order(rows: list[Row], entries: list[LedgerEntry]) -> list[Item]:
    both: list[Item] = [*rows, *entries]
    return sorted(both, key=number_of)


def funnel(parts: Sequence[Sequence[Step]], counts: dict[str, Count]) -> list[dict[str, object]]:
    """Count rows kept, changed and rejected by each step, in order."""
    steps = [step for step in chain.from_iterable(parts) if step.name in counts]
    return [{"step": step.name, **counts[step.name].document()} for step in steps]
