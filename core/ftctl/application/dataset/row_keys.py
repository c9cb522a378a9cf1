"""Collect what sources and operators tell of a data set: notes, commits, and the rows that have each key."""

from collections import Counter
from collections.abc import Callable
from typing import Any

from attrs import define, field

from ftctl.domain.event import DATA_DESCRIBED

USES = frozenset({"keys_used", "keys_kept", "keys_ignored", "keys_unreadable"})
"""Counts of the rows that have a key, by its use."""


@define
class Described:
    """Listener for `DataDescribed` that passes events on.

    Names of keys may tell what encrypted rows hold: of ``sealed`` data sets they are not passed on.
    """

    emit: Callable[..., None]
    sealed: bool
    notes: list[str] = field(factory=list)
    keys: dict[str, Counter[str]] = field(factory=dict)
    unvaried: Counter[str] = field(factory=Counter)
    """Rows that a step drew and could not vary, by the step."""
    origins: dict[str, str] = field(factory=dict)
    """Commits by the names of what was read, where a source resolves them."""

    def __call__(self, kind: str, **data: Any) -> None:
        if kind == DATA_DESCRIBED:
            self.notes.extend([str(data["note"])] if "note" in data else ())
            self.unvaried.update(data.get("unvaried", {}))
            if "commit" in data:
                self.origins[str(data["path"])] = str(data["commit"])
            for use in USES & data.keys():
                self.keys.setdefault(use, Counter()).update(data[use])
            data = {key: value for key, value in data.items() if not (self.sealed and key in USES)}
        self.emit(kind, **data)

    def shortfalls(self) -> list[str]:
        """Return a sentence for each step that made fewer rows than were asked of it."""
        return [
            f"{name}: {same} rows that it drew have no variant, since nothing in them changed"
            for name, same in self.unvaried.items()
        ]

    def document(self) -> dict[str, Any]:
        """Return notes, origins and keys for the summary."""
        keys = {use: dict(sorted(found.items())) for use, found in sorted(self.keys.items()) if not self.sealed}
        told: dict[str, Any] = {"notes": self.notes, "origins": self.origins, "unvaried": dict(self.unvaried)}
        return {name: value for name, value in told.items() if value} | keys
