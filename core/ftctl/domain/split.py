"""Split assignment as a pure function of seed and row, so that adding rows never moves old ones."""

import hashlib

from attrs import field, frozen, validators

SPLITS = ("train", "validation", "test")
DEFAULT_SHARE = 0.1
_SHARE = [validators.ge(0.0), validators.lt(1.0)]


@frozen
class SplitShares:
    """Shares in [0, 1) of the rows for validation and test; the rest trains."""

    validation: float = field(default=DEFAULT_SHARE, validator=_SHARE)
    test: float = field(default=DEFAULT_SHARE, validator=_SHARE)

    @property
    def wanted(self) -> tuple[str, ...]:
        """Return the splits that should hold rows."""
        shares = {"train": 1.0, "validation": self.validation, "test": self.test}
        return tuple(name for name in SPLITS if shares[name])

    def place(self, key: str, seed: int) -> str:
        """Return the split of rows with this key (group, or content)."""
        draw = hashlib.sha256(f"{seed}\0{key}".encode()).digest()[:8]
        point = int.from_bytes(draw, "big") / 2**64
        if point < self.test:
            return "test"
        return "validation" if point < self.test + self.validation else "train"
