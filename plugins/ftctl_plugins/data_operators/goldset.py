"""``goldset``: sample questions for annotation, stratified, from logged ones."""

import hashlib
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

from ftctl.domain import Example, Fate
from ftctl.domain.event import DATA_DESCRIBED, WARNING_RAISED
from ftctl.plugin import option, options
from ftctl.ports import SetOperator, StageContext
from ftctl_adapters.records.gold import question
from ftctl_adapters.records.locations import Place
from ftctl_plugins.data_operators.reference_files import items, places, state

SKETCH = 64
SIGNATURE = 128
BANDS = 32
LENGTH, CLUSTER = "length", "cluster"
BATCH = 1024
ROUNDING = 1e-9


@options
class GoldsetOptions:
    """Options of `Goldset`."""

    count: int = option(200, help="Number of rows.", ge=1)
    by: tuple[str, ...] = option(
        (LENGTH, CLUSTER), help="Strata: `length` of questions in quarters, `cluster` of their words, `metadata` keys."
    )
    clusters: int = option(8, help="Number of clusters.", ge=2, le=256)
    against: tuple[str, ...] = option(
        (), help="Files of training rows; what asks nearly the same is left out. Patterns too.", location=True
    )
    threshold: float = option(
        0.5, help="Estimated share of common shingles (3 words, or 3 Chinese characters) from which it is the same.",
        gt=0, le=1,
    )  # fmt: skip
    seed: int = option(1, help="Random seed.", ge=0)


class Goldset(SetOperator):
    """Draw questions by strata, without near-duplicates and without those of the training split.

    Each stratum has its share of the rows, and at least one where there are enough.
    """

    width: ClassVar[int] = 16 + 4 * SIGNATURE + 4 * SKETCH

    def __init__(self, options: GoldsetOptions) -> None:
        self._options = options

    def fingerprint(self) -> str:
        return state(self._places)

    def keys(self, rows: Sequence[Example]) -> bytes:
        import numpy as np

        from ftctl_adapters.dedup.topics import sketches

        asked = [question(row) for row in rows]
        found = np.zeros(len(rows), self._kind)
        found["type"] = [_hashed([row.metadata.get(name) for name in self._fields]) for row in rows]
        found["length"] = [len(text) for text in asked]
        found["signature"], found["sketch"] = self._signatures(asked), sketches(asked)
        return bytes(found.tobytes())

    def decide(self, keys: Path, context: StageContext) -> Iterator[Fate]:
        import numpy as np

        if not keys.stat().st_size:
            return
        rows = np.memmap(keys, self._kind, "r")
        known, firsts = self._firsts(rows, context)
        own = np.flatnonzero(firsts == np.arange(len(rows)))
        strata = self._strata(rows, own) if len(own) else own
        drawn = _drawn(strata, self._options.count, self._options.seed)
        chosen = set(own[drawn].tolist())
        seen = int((firsts < 0).sum())
        note = f"{len(chosen)} of {len(rows)} rows drawn from {len(set(strata.tolist()))} strata"
        context.emit(DATA_DESCRIBED, note=f"{note}; {seen} are nearly in training")
        if len(own) < self._options.count:
            said = f"goldset: {len(own)} rows can be drawn, {self._options.count} were asked for"
            context.emit(WARNING_RAISED, message=said)
        fields = self._fields
        if fields and (rows["type"] == _hashed([None] * len(fields))).all():
            said = f"goldset.by: no row has {', '.join(fields)} in its metadata: nothing is drawn by that"
            context.emit(WARNING_RAISED, message=said)
        for place, first in enumerate(firsts.tolist()):
            if first < 0:
                yield Fate("contaminated", f"asks nearly what {known[-first - 1]} asks")
            elif first != place:
                yield Fate("duplicate", "asks nearly the same", first)
            elif place in chosen:
                yield Fate()
            else:
                yield Fate("filtered", "not drawn")

    def _firsts(self, rows: Any, context: StageContext) -> tuple[list[str], Any]:
        """Return for each row its first near-duplicate question; below zero if a training row is one."""
        import numpy as np

        from ftctl_adapters.dedup.near_duplicates import clusters

        known: list[str] = []
        path = context.work / "signatures"
        with path.open("wb") as file:
            texts = items(self._places, "goldset", question)
            while some := list(islice(texts, BATCH)):
                context.stop_if_cancelled()
                known += [where for where, _ in some]
                file.write(self._signatures([text for _, text in some]).tobytes())
            for start in range(0, len(rows), BATCH):
                file.write(np.ascontiguousarray(rows["signature"][start : start + BATCH]).tobytes())
        found = clusters(path, BANDS, self._options.threshold, context.stop_if_cancelled)[len(known) :]
        path.unlink()
        return known, np.where(found < len(known), -found - 1, found - len(known))

    def _strata(self, rows: Any, own: Any) -> Any:
        """Return each row's stratum, int64."""
        import numpy as np

        parts = [rows["type"][own].astype(np.int64)]
        if LENGTH in self._options.by:
            lengths = rows["length"][own]
            parts.append(np.searchsorted(np.quantile(lengths, [0.25, 0.5, 0.75]), lengths, "left"))
        if CLUSTER in self._options.by:
            from ftctl_adapters.dedup.topics import topics

            parts.append(topics(rows["sketch"][own], self._options.clusters, self._options.seed))
        return np.unique(np.stack(parts, 1), axis=0, return_inverse=True)[1].reshape(-1)

    def _signatures(self, texts: Sequence[str]) -> Any:
        from ftctl_adapters.dedup.shingles import shingles
        from ftctl_adapters.dedup.signatures import signatures

        return signatures(*shingles(texts), self._options.seed)

    @property
    def _fields(self) -> list[str]:
        return [name for name in self._options.by if name not in (LENGTH, CLUSTER)]

    @cached_property
    def _kind(self) -> Any:
        import numpy as np

        parts = [("type", "<i8"), ("length", "<i8"), ("signature", "<u4", SIGNATURE), ("sketch", "<f4", SKETCH)]
        return np.dtype(parts)

    @cached_property
    def _places(self) -> list[Place]:
        return places(self._options.against, "goldset") if self._options.against else []


def _hashed(values: Sequence[Any]) -> int:
    return int.from_bytes(hashlib.blake2b(repr(values).encode(), digest_size=8).digest(), "little", signed=True)


def _drawn(strata: Any, count: int, seed: int) -> Any:
    """Return the sampled rows: strata get shares by largest remainders, at least one each if possible."""
    import numpy as np

    if not len(strata):
        return strata
    names, sizes = np.unique(strata, return_counts=True)
    draw = np.random.default_rng(seed)
    wanted = _shares(sizes, min(count, len(strata)), draw)
    found = [draw.permutation(np.flatnonzero(strata == name))[:many] for name, many in zip(names, wanted, strict=True)]
    return np.sort(np.concatenate(found))


def _shares(sizes: Any, count: int, draw: Any) -> Any:
    """Return the number to draw of each stratum, int64, at least one where there are enough for all.

    Of equal remainders chance takes one, and not the first.
    """
    import numpy as np

    few = np.zeros(len(sizes), bool)
    while True:
        rest = ~few
        exact = np.where(few, 1.0, sizes * (count - few.sum()) / max(sizes[rest].sum(), 1))
        if count < len(sizes) or not (exact[rest] < 1).any():
            break
        few |= exact < 1
    wanted = np.floor(exact + ROUNDING).astype(np.int64)
    missing = count - int(wanted.sum())
    wanted[np.lexsort((draw.random(len(sizes)), np.round(wanted - exact, 9)))[:missing]] += 1
    return wanted
