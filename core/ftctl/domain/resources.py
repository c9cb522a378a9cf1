"""What a piece of work will need, known before it starts."""

from typing import Any

from attrs import field, frozen


@frozen
class ModelShape:
    """What a model's ``config.json`` and weight headers say; counts are parameters, sizes are bytes.

    ``linear`` holds the (out, in) shape of every two-dimensional weight but the embeddings, by tensor name.
    """

    architecture: str
    parameters: int
    weight_bytes: int
    hidden_size: int
    layers: int
    vocabulary: int
    max_positions: int
    dtype: str
    linear: dict[str, tuple[int, int]] = field(factory=dict)


@frozen
class ResourcePlan:
    """Trained parameters, optimizer steps (``None``: data not read yet) and bytes of memory in each phase."""

    trained_parameters: int
    total_parameters: int
    memory: dict[str, int]
    disk: int
    steps: int | None = None
    notes: dict[str, Any] = field(factory=dict)
