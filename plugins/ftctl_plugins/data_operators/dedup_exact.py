"""``dedup-exact``: remove duplicates, ignoring case and spaces."""

from collections.abc import Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import ClassVar

from ftctl.domain import Example, Fate
from ftctl.plugin import option, options
from ftctl.ports import SetOperator, StageContext, first_seen
from ftctl_adapters.records.texts import texts

RANK_BYTES = 4


@options
class DedupExactOptions:
    """Options of `DedupExact`."""

    of: str = option("all", help="Part of a row that is compared.", choices=("all", "prompt", "answer"))
    casefold: bool = option(True, help="Upper and lower case are the same.")
    spaces: bool = option(True, help="White space of any length is one space.")
    keep: str = option("first", help="Row to keep.", choices=("first", "longest"))


class DedupExact(SetOperator):
    """Keep one of several equal rows; the ledger names it for all others."""

    width: ClassVar[int] = 16 + RANK_BYTES

    def __init__(self, options: DedupExactOptions) -> None:
        self._options = options

    def keys(self, rows: Sequence[Example]) -> bytes:
        return b"".join(self._key(row) for row in rows)

    def _key(self, row: Example) -> bytes:
        """Return a digest, and a rank: the longest row of a group stays."""
        longest = self._options.keep == "longest"
        rank = max(0, 2 ** (8 * RANK_BYTES) - 1 - sum(map(len, texts(row)))) if longest else 0
        digest = blake2b(self._told(row).encode(), digest_size=16).digest()
        return digest + rank.to_bytes(RANK_BYTES, "big")

    def _told(self, row: Example) -> str:
        asked = self._options
        turns = [(turn.role, turn.said) for turn in row.messages]
        chosen = {"all": turns, "prompt": turns[:-1], "answer": turns[-1:]}[asked.of] if turns else [("", row.text)]
        worse = [(turn.role, turn.said) for turn in row.rejected] if asked.of == "all" else []
        return "\0".join(self._plain(part) for turn in (*chosen, *worse) for part in turn)

    def _plain(self, text: str) -> str:
        text = text.casefold() if self._options.casefold else text
        return " ".join(text.split()) if self._options.spaces else text

    def decide(self, keys: Path, context: StageContext) -> Iterator[Fate]:
        firsts = first_seen(keys, self.width, context, RANK_BYTES)
        for place, first in enumerate(firsts):
            yield Fate() if first == place else Fate("duplicate", "says the same", first)
