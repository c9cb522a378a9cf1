"""Training rows: sequences, and the objective's cached values of each."""

from collections.abc import Sequence
from typing import Any

from attrs import define, field

from ftctl.domain.encoded import Encoded
from ftctl.ports.objective import Batch
from ftctl_adapters.modeling.batch import collate
from ftctl_adapters.training.packing import pack
from ftctl_adapters.training.tokens import Piece, Tokens

Row = tuple[Encoded, ...]


@define
class Rows:
    """Rows of ``together`` sequences each, or of those in ``packs``, which become one.

    ``lengths`` (rows,) counts tokens; ``constants`` holds a tensor (rows,) by name.
    """

    tokens: Tokens
    together: int = 1
    packs: list[list[int]] | None = None
    separate: bool = True
    constants: dict[str, Any] = field(factory=dict)
    lengths: Any = field(init=False)

    def __attrs_post_init__(self) -> None:
        import numpy

        lengths = self.tokens.lengths
        if self.packs is None:
            self.lengths = lengths.reshape(-1, self.together).sum(1)
        else:
            self.lengths = numpy.array([lengths[pack].sum() for pack in self.packs], numpy.int64)

    @staticmethod
    def of(rows: Sequence[Row]) -> "Rows":
        """Hold a few rows in memory."""
        return Rows(Tokens.of(sequence for row in rows for sequence in row), len(rows[0]) if rows else 1)

    def packed(self, limit: int, *, separate: bool) -> "Rows":
        """Pack rows of one sequence each into as few rows as hold at most ``limit`` tokens."""
        return Rows(self.tokens, 1, pack(self.lengths, limit), separate)

    def __len__(self) -> int:
        return len(self.lengths)

    def row(self, number: int) -> list[Piece]:
        """Return the sequences of a row."""
        if self.packs is not None:
            return [self.tokens.joined(self.packs[number], separate=self.separate)]
        first = number * self.together
        return [self.tokens.piece(place) for place in range(first, first + self.together)]

    def where(self, numbers: Sequence[int]) -> list[str]:
        """Return where the sequences of these rows come from, each place once."""
        if self.packs is not None:
            sequences = [place for number in numbers for place in self.packs[number]]
        else:
            sequences = [number * self.together + place for number in numbers for place in range(self.together)]
        return list(dict.fromkeys(self.tokens.where(sequences)))

    def batch(self, numbers: Sequence[int], pad_id: int) -> Batch:
        """Return the rows of these numbers as a batch."""
        sequences = [piece for number in numbers for piece in self.row(number)]
        constants = {name: values[list(numbers)] for name, values in self.constants.items()}
        return collate(sequences, pad_id, len(numbers), constants)

    def sorted_numbers(self, size: int) -> list[list[int]]:
        """Return the numbers of all rows in batches of similar length."""
        order = self.lengths.argsort(kind="stable").tolist()
        return [order[start : start + size] for start in range(0, len(order), size)]
