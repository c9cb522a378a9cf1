"""What is trained on: rows of sequences, and what the objective keeps of each."""

from collections.abc import Sequence
from typing import Any

from attrs import define, field

from ftctl.domain.encoded import Encoded
from ftctl.ports.objective import Batch
from ftctl_adapters.modeling.batch import collate

Row = tuple[Encoded, ...]


@define
class Rows:
    """Rows of as many sequences each; ``constants`` holds a tensor (rows,) by name."""

    rows: list[Row]
    constants: dict[str, Any] = field(factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def lengths(self) -> list[int]:
        """Tokens of every row."""
        return [sum(len(sequence.ids) for sequence in row) for row in self.rows]

    def batch(self, numbers: Sequence[int], pad_id: int) -> Batch:
        """The rows of these numbers side by side."""
        sequences = [sequence for number in numbers for sequence in self.rows[number]]
        constants = {name: values[list(numbers)] for name, values in self.constants.items()}
        return collate(sequences, pad_id, len(numbers), constants)

    def sorted_numbers(self, size: int) -> list[list[int]]:
        """The numbers of all rows in batches, those of like length together."""
        lengths = self.lengths
        order = sorted(range(len(self.rows)), key=lengths.__getitem__)
        return [order[start : start + size] for start in range(0, len(order), size)]
