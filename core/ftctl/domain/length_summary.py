"""How long rows are, in few numbers."""

from collections import Counter

from attrs import define, field


@define
class Lengths:
    """Rows by the power of two that their number of characters is below."""

    rows: Counter[int] = field(factory=Counter)

    def add(self, characters: int) -> None:
        self.rows[1 << characters.bit_length()] += 1

    def document(self) -> dict[str, int]:
        """As JSON: the bound, and how many rows are below it and not below the one before."""
        return {str(bound): self.rows[bound] for bound in sorted(self.rows)}
