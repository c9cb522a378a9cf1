"""What an evaluator does with answers that did not come."""

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar

from ftctl.ports.target import Answer


class Placed(Protocol):
    """An example or a case, with the place by which its record is found."""

    @property
    def where(self) -> str: ...


T = TypeVar("T", bound=Placed)


def answered(asked: Sequence[T], answers: Sequence[Answer]) -> tuple[list[T], list[Answer], tuple[dict[str, Any], ...]]:
    """Who was answered, with what, and a record of each who was not.

    A missing answer is neither wrong nor left out in silence: figures are over those that came, and the record stays.
    """
    pairs = list(zip(asked, answers, strict=True))
    kept = [(one, answer) for one, answer in pairs if not answer.error]
    missing = tuple({"where": one.where, "error": answer.error} for one, answer in pairs if answer.error)
    return [one for one, _ in kept], [answer for _, answer in kept], missing
