"""A look at what a run would do, that leaves no artifact behind."""

from typing import Any

from attrs import field, frozen

PREVIEWS = frozenset({"labels", "sweep"})


@frozen
class Preview:
    """``operation`` is ``labels`` (examples with their trained tokens) or ``sweep`` (learning rates)."""

    operation: str
    settings: dict[str, Any] = field(factory=dict)
