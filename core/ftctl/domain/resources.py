"""Resource estimates: memory, disk, steps, trained parameters."""

import math
from collections.abc import Callable
from typing import Any

from attrs import field, frozen

ENDS = frozenset({"lm_head", "wte", "wpe", "A_log"})
"""Parts of tensors' names, beside any with ``embed`` or ``norm`` and biases, of which no layer is made."""

BUFFERS = (".gate.e_score_correction_bias", ".act_fn.beta", ".act_fn.eps", ".rotary_emb.inv_freq")
"""Ends of tensors' names that stand in files and are never trained."""


@frozen
class ModelShape:
    """Shape of a model by its ``config.json`` and weight headers; counts are parameters, sizes bytes.

    ``tensors`` holds the shape of every weight by its name.
    """

    architecture: str
    parameters: int
    weight_bytes: int
    hidden_size: int
    layers: int
    vocabulary: int
    max_positions: int
    dtype: str
    tensors: dict[str, tuple[int, ...]] = field(factory=dict)
    heads: int = 0

    @property
    def linear(self) -> dict[str, tuple[int, int]]:
        """Return the shapes of all weight matrices, as stored, except embeddings and head."""
        found = self.tensors.items()
        return {name: (shape[0], shape[1]) for name, shape in found if len(shape) == 2 and not _is_end(name)}

    def count(self, wanted: Callable[[str], bool]) -> int:
        """Return the number of parameters of the tensors whose names match; buffers of the files are none."""
        parameters = (name for name in self.tensors if not name.endswith(BUFFERS))
        return sum(math.prod(self.tensors[name]) for name in parameters if wanted(name))


def _is_end(tensor: str) -> bool:
    """Return True for embeddings, the head, norms and biases, by the names that architectures use."""
    parts = tensor.split(".")
    ends = any("embed" in part or part in ENDS or "norm" in part for part in parts)
    return ends or parts[-1].endswith("bias")


@frozen
class LargestBatch:
    """The batch of a training that needs the most memory: its sequences, the tokens of the longest, and of all."""

    sequences: int
    longest: int
    tokens: int


@frozen
class TrainingData:
    """Rows that a training is planned for.

    ``rows`` of the train split, ``None`` before they have been read; ``sequences_per_row`` that the objective makes of
    a row, two for pairs; ``largest_batch`` once the rows have been encoded; ``test_rows`` that models are measured on.
    """

    rows: int | None
    sequences_per_row: int = 1
    largest_batch: LargestBatch | None = None
    test_rows: int | None = None


@frozen
class ResourcePlan:
    """Trained parameters, optimizer steps (``None``: data not read yet) and bytes of memory in each phase."""

    trained_parameters: int
    total_parameters: int
    memory: dict[str, int]
    disk: int
    steps: int | None = None
    notes: dict[str, Any] = field(factory=dict)
