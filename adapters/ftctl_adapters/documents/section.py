"""Section of a document."""

from attrs import frozen


@frozen
class Section:
    """Section: its text, its place (``page 3``, ``section 2``), and the heading above it."""

    locator: str
    text: str
    heading: str = ""


@frozen
class Unreadable:
    """A part that has no text, or a whole document where ``locator`` is empty: the reason, from a closed list."""

    locator: str
    reason: str


class NotReadable(Exception):
    """Raised if a document cannot be read at all; the text begins with one of `REASONS`."""


REASONS = ("no_text_layer", "encrypted", "too_large", "truncated_file", "bad_utf8", "empty", "not_readable")
Part = Section | Unreadable
