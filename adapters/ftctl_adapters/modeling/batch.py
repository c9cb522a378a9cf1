"""Collate sequences: pad on the right to the longest, and to a length for which products are fast."""

from collections.abc import Sequence
from typing import Any, Protocol

from ftctl.domain.encoded import IGNORED
from ftctl.ports.objective import Batch


class Sequenced(Protocol):
    """A sequence: ids and labels of equal length, and where texts begin in it; `Encoded`, or the same in arrays."""

    @property
    def ids(self) -> Any:
        """Token ids, (length,)."""

    @property
    def labels(self) -> Any:
        """Labels, (length,); -100 is not trained."""

    @property
    def starts(self) -> tuple[int, ...]:
        """Positions at which texts of a packed sequence begin."""

    @property
    def trained(self) -> int:
        """Number of trained tokens."""


def collate(
    sequences: Sequence[Sequenced], pad_id: int, rows: int = 0, constants: dict[str, Any] | None = None
) -> Batch:
    """Collate sequences into a batch of ``rows`` rows; 0: each sequence is a row."""
    import torch

    from ftctl_adapters.kernels.row_gather import rounded

    longest = rounded(max(len(row.ids) for row in sequences))
    shape = (len(sequences), longest)
    ids = torch.full(shape, pad_id, dtype=torch.long)
    labels = torch.full(shape, IGNORED, dtype=torch.long)
    mask = torch.zeros(shape, dtype=torch.long)
    for place, row in enumerate(sequences):
        length = len(row.ids)
        ids[place, :length] = torch.tensor(row.ids)
        labels[place, :length] = torch.tensor(row.labels)
        mask[place, :length] = 1
    trained = sum(row.trained for row in sequences)
    return Batch(ids, mask, labels, trained, rows or len(sequences), _positions(sequences, longest), constants or {})


def _positions(sequences: Sequence[Sequenced], longest: int) -> Any:
    import torch

    if all(len(row.starts) == 1 for row in sequences):
        return None
    positions = torch.arange(longest).repeat(len(sequences), 1)
    for place, row in enumerate(sequences):
        # the padding is a text of its own, so that no text looks past its end
        for start in (*row.starts[1:], len(row.ids)):
            positions[place, start:] = torch.arange(longest - start)
    return positions
