"""``dedup-near``: remove near-duplicates by MinHash LSH. Broder, 1997."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from ftctl.domain import Example, Fate
from ftctl.plugin import option, options
from ftctl.ports import SetOperator, StageContext
from ftctl_adapters.records.texts import answers, texts

HASHES = 128


@options
class DedupNearOptions:
    """Options of `DedupNear`."""

    threshold: float = option(
        0.5, help="Least estimated Jaccard similarity of near-duplicates (3-grams of words, or of Chinese characters).",
        gt=0, le=1,
    )  # fmt: skip
    bands: int = option(
        32, help="LSH bands: more find more pairs near the threshold, and take longer.", choices=(8, 16, 32, 64)
    )
    of: str = option("all", help="Texts to compare: all of a row, or answers.", choices=("all", "answers"))
    action: str = option(
        "drop",
        help="`drop` keeps the first row of a cluster; `keep-together` keeps all, in one split.",
        choices=("drop", "keep-together"),
    )
    seed: int = option(1, help="Random seed of the permutations.", ge=0)


class DedupNear(SetOperator):
    """Makes a MinHash signature of each row; candidates of LSH bands are compared and clustered."""

    width: ClassVar[int] = 4 * HASHES

    def __init__(self, options: DedupNearOptions) -> None:
        self._options = options

    @property
    def keeps_together(self) -> bool:
        return self._options.action == "keep-together"

    def keys(self, rows: Sequence[Example]) -> bytes:
        from ftctl_adapters.dedup.shingles import shingles
        from ftctl_adapters.dedup.signatures import signatures

        read = answers if self._options.of == "answers" else texts
        found = signatures(*shingles(["\n".join(read(row)) for row in rows]), self._options.seed)
        return bytes(found.tobytes())

    def decide(self, keys: Path, context: StageContext) -> Iterator[Fate]:
        from ftctl_adapters.dedup.near_duplicates import clusters

        asked = self._options
        if not keys.stat().st_size:
            return
        firsts = clusters(keys, asked.bands, asked.threshold, context.stop_if_cancelled, context.spread)
        for place, first in enumerate(firsts.tolist()):
            if first == place or self.keeps_together:
                yield Fate(first=first)
            else:
                yield Fate("duplicate", "near-duplicate", first)
