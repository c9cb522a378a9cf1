"""Rows side by side, padded on the right to the longest of the batch, and on to a multiple of `MULTIPLE`."""

from collections.abc import Sequence
from typing import Any

from attrs import frozen

from ftctl_adapters.modeling.labels import IGNORED, Encoded

MULTIPLE = 16
"""Lengths are rounded up to it: oneDNN keeps half a megabyte of compiled code for every shape that it meets."""


@frozen
class Batch:
    """Tensors of shape (rows, longest), int64: ``ids``, ``mask`` (1 where a token stands), ``labels``."""

    ids: Any
    mask: Any
    labels: Any
    trained: int


def collate(rows: Sequence[Encoded], pad_id: int) -> Batch:
    """One batch of the rows."""
    import torch

    longest = -(-max(len(row.ids) for row in rows) // MULTIPLE) * MULTIPLE
    ids = torch.full((len(rows), longest), pad_id, dtype=torch.long)
    labels = torch.full((len(rows), longest), IGNORED, dtype=torch.long)
    mask = torch.zeros((len(rows), longest), dtype=torch.long)
    for place, row in enumerate(rows):
        length = len(row.ids)
        ids[place, :length] = torch.tensor(row.ids)
        labels[place, :length] = torch.tensor(row.labels)
        mask[place, :length] = 1
    return Batch(ids, mask, labels, sum(row.trained for row in rows))
