"""Names that are safe as file names, and suggestions for misspelled ones."""

import difflib
import re
from collections.abc import Iterable

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_RESERVED = {"con", "prn", "aux", "nul", *(f"com{i}" for i in range(1, 10)), *(f"lpt{i}" for i in range(1, 10))}


def is_name(text: str) -> bool:
    """Return True if the text can be a file name on every platform: no path, no device, no trailing dot."""
    plain = bool(_NAME.fullmatch(text)) and not text.endswith(".") and ".." not in text
    return plain and text.split(".")[0] not in _RESERVED


def is_digest(text: str) -> bool:
    """Return True if the text is a SHA-256 in 64 lower-case hexadecimal digits."""
    return bool(_DIGEST.fullmatch(text))


def nearest(word: str, known: Iterable[str], likeness: float = 0.55) -> str | None:
    """Return the known name closest to the word; ``likeness`` in [0, 1] is the least similarity."""
    names = list(known)
    found = difflib.get_close_matches(word, names, n=1, cutoff=likeness)
    return found[0] if found else None
