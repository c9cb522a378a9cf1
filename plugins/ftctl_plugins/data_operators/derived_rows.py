"""Common part of operators that derive rows: source rows, and seeded random numbers."""

import random
import re
from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

from attrs import evolve

from ftctl.domain import Derived, Example, Message, Outcome
from ftctl.domain.event import DATA_DESCRIBED
from ftctl.ports import RowOperator, StageContext

SHARE_HELP = "Share of the training rows that further ones are made of."
SEED_HELP = "Random seed; the same seed makes the same rows."


class Augmentation(RowOperator):
    """Base of augmentations of a share of the rows; choices depend on the seed and the row's content."""

    derives: ClassVar[bool] = True

    def __init__(self, share: float, seed: int, per_row: int = 1) -> None:
        self._share, self._seed, self._per_row = share, seed, per_row

    @abstractmethod
    def variant(self, row: Example, draw: random.Random, place: int) -> Example | None:
        """Return a variant of the row; ``None`` if nothing can be varied."""

    def process(self, rows: Sequence[Example], context: StageContext) -> Sequence[Outcome]:
        drawn = [row for row in rows if self._drawn(row)]
        made = {row.where: self._varied(row) for row in drawn}
        same = sum(1 for found in made.values() if not found)
        if same:
            name = re.sub(r"(?<!^)(?=[A-Z])", "-", type(self).__name__).lower()
            context.emit(DATA_DESCRIBED, unvaried={name: same})
        return [Derived(row, found) if (found := made.get(row.where)) else row for row in rows]

    def _drawing(self, row: Example) -> tuple[random.Random, bool]:
        """Return the row's random numbers, and whether further rows are made of it."""
        draw = random.Random(f"{self._seed} {row.content_digest}")  # noqa: S311 - variety, not secrets
        return draw, draw.random() < self._share

    def _drawn(self, row: Example) -> bool:
        return self._drawing(row)[1]

    def _varied(self, row: Example) -> tuple[Example, ...]:
        """Return different variants of a row; none where nothing in it changes."""
        draw, _ = self._drawing(row)
        made: list[Example] = []
        for place in range(self._per_row):
            found = self.variant(row, draw, place)
            if found is not None and found != row and found not in made:
                made.append(found)
        return tuple(made)


def map_questions(row: Example, change: Callable[[str], str]) -> Example:
    """Return the row with its questions changed, answers unchanged; raw text is changed as a whole."""
    turns = tuple(evolve(turn, content=change(turn.content)) if turn.role == "user" else turn for turn in row.messages)
    return evolve(row, messages=turns, text=change(row.text) if row.text else "")


def last_question(row: Example) -> int | None:
    """Return the position of the last user turn."""
    return next((n for n in reversed(range(len(row.messages))) if row.messages[n].role == "user"), None)


def with_question(row: Example, text: str) -> Example:
    """Return the row with another last question."""
    place = last_question(row)
    assert place is not None
    turns = list(row.messages)
    turns[place] = Message("user", text)
    return evolve(row, messages=tuple(turns))
