"""Preview a run without leaving an artifact: labels, or a learning-rate sweep."""

from typing import Any

from attrs import field, frozen

PREVIEWS = frozenset({"labels", "sweep"})


@frozen
class Preview:
    """``operation`` is ``labels`` (examples with their trained tokens) or ``sweep`` (learning rates)."""

    operation: str
    settings: dict[str, Any] = field(factory=dict)
