"""Resource estimates: memory, disk, steps, trained parameters."""

import math
from collections.abc import Callable
from typing import Any

from attrs import field, frozen


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
        """Return the (out, in) shapes of all weight matrices except embeddings and head."""
        found = self.tensors.items()
        return {
            name: (shape[0], shape[1])
            for name, shape in found
            if len(shape) == 2 and "embed" not in name and "lm_head" not in name
        }

    def count(self, wanted: Callable[[str], bool]) -> int:
        """Return the number of parameters of the tensors whose names match."""
        return sum(math.prod(shape) for name, shape in self.tensors.items() if wanted(name))


@frozen
class ResourcePlan:
    """Trained parameters, optimizer steps (``None``: data not read yet) and bytes of memory in each phase."""

    trained_parameters: int
    total_parameters: int
    memory: dict[str, int]
    disk: int
    steps: int | None = None
    notes: dict[str, Any] = field(factory=dict)
