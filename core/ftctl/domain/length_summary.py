"""Histogram of row lengths in powers of two."""

from collections import Counter

from attrs import define, field


@define
class Lengths:
    """Histogram of row lengths: rows by the next power of two above their number of characters."""

    rows: Counter[int] = field(factory=Counter)

    def add(self, characters: int) -> None:
        """Count a row of this many characters."""
        self.rows[1 << characters.bit_length()] += 1

    def document(self) -> dict[str, int]:
        """Return the histogram as JSON: upper bound to number of rows."""
        return {str(bound): self.rows[bound] for bound in sorted(self.rows)}
