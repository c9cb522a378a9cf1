"""Divide a long text into overlapping chunks."""

from collections.abc import Iterator

ENDS = ("\n\n", "\n", "。", ". ", " ")
"""Where a piece would rather end, the best first."""


def chunks(text: str, size: int, overlap: int) -> Iterator[str]:
    """Yield chunks of at most ``size`` characters that end at sentences, each repeating the end of the previous.

    No character is lost: without what is repeated they are the text, but for white space around them.
    """
    start = 0
    overlap = min(overlap, size // 2)
    while start < len(text):
        end = min(start + size, len(text))
        if end < len(text):
            end = _end(text, start + size // 2, end)
        piece = text[start:end].strip()
        if piece:
            yield piece
        if end == len(text):
            return
        start = max(end - overlap, start + 1)


def _end(text: str, low: int, high: int) -> int:
    for mark in ENDS:
        place = text.rfind(mark, low, high)
        if place >= 0:
            return place + len(mark)
    return high
