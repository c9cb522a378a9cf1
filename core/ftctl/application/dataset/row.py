"""A row in the pipeline, and its form on disk."""

import json
from typing import Any

from attrs import define

from ftctl.domain.example import Example


@define
class Row:
    """A row in the pipeline; ``number`` is that of its source row, from 1, also for rows made from it.

    ``cluster`` is what it must not be divided from; ``changed`` are the operators that changed it.
    """

    number: int
    example: Example
    byte: int | None = None
    changed: tuple[str, ...] = ()
    cluster: str = ""
    split: str = ""

    @property
    def key(self) -> str:
        """Return the text that the split is computed from."""
        return self.belongs or self.example.content_digest

    @property
    def belongs(self) -> str:
        """Return the group that must stay in one split; empty if the row is in none."""
        return self.cluster or self.example.group

    def dump(self) -> str:
        """Return the row as one line of JSON."""
        told: dict[str, Any] = {"n": self.number, "row": self.example.to_row()}
        for name in ("byte", "changed", "cluster", "split"):
            value = getattr(self, name)
            if value not in (None, "", ()):
                told[name] = value
        return json.dumps(told, ensure_ascii=False) + "\n"

    @classmethod
    def load(cls, line: str) -> "Row":
        """Read a row from the line that `dump` wrote."""
        told = json.loads(line)
        return cls(
            told["n"],
            Example.from_row(told["row"]),
            told.get("byte"),
            tuple(told.get("changed", ())),
            told.get("cluster", ""),
            told.get("split", ""),
        )
