"""Tokens and labels of a training sequence."""

from attrs import frozen

IGNORED = -100
"""The label of a token that is not trained, as everywhere in the field."""


@frozen
class Encoded:
    """Token ids and labels of one sequence, of equal length; ``where`` is its source position.

    ``starts`` are the places at which a text of its own begins: several where texts were packed that must not see each
    other.
    """

    where: str
    ids: tuple[int, ...]
    labels: tuple[int, ...]
    starts: tuple[int, ...] = (0,)

    @property
    def trained(self) -> int:
        """Return the number of trained tokens; the first token is never predicted."""
        return sum(label != IGNORED for label in self.labels[1:])
