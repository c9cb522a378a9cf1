"""Handling of answers and scores that did not arrive."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from ftctl.ports.target import Answer, Score


class Placed(Protocol):
    """An example or case, with the place by which its record is found."""

    @property
    def where(self) -> str:
        """Return the example's place in its source."""


T = TypeVar("T", bound=Placed)
R = TypeVar("R", Answer, Score)


def answered(asked: Sequence[T], replies: Sequence[R]) -> tuple[list[T], list[R], tuple[dict[str, Any], ...]]:
    """Separate answered questions from unanswered ones; return the former, their replies, and error records.

    What is missing is neither wrong nor left out in silence: figures are over what came, and the record stays.
    """
    pairs = list(zip(asked, replies, strict=True))
    kept = [(one, reply) for one, reply in pairs if not reply.error]
    missing = tuple({"where": one.where, "error": reply.error} for one, reply in pairs if reply.error)
    return [one for one, _ in kept], [reply for _, reply in kept], missing
