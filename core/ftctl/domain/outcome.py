"""Outcome of a data operator for one row."""

from typing import Literal

from attrs import frozen

from ftctl.domain.example import Example

DroppedState = Literal["quarantined", "filtered", "duplicate", "contaminated", "rejected-pii"]
DROPPED: tuple[DroppedState, ...] = ("quarantined", "filtered", "duplicate", "contaminated", "rejected-pii")
"""States of rows that do not go on: unusable, unwanted, there already, part of an evaluation set, too private."""


@frozen
class Dropped:
    """The row is dropped: its state, and why."""

    state: DroppedState
    reason: str


@frozen
class Derived:
    """The row is kept, with further rows made from it."""

    example: Example
    made: tuple[Example, ...]


Outcome = Example | Dropped | Derived
"""An example goes on, as it was or changed."""


@frozen
class Fate:
    """Decision about a row by an operator that sees all rows.

    ``state`` is empty where it goes on. ``first`` is the place, counted from 0, of the row that it repeats or must
    stay together with; ``None``, or its own place, where there is none.
    """

    state: DroppedState | Literal[""] = ""
    reason: str = ""
    first: int | None = None
