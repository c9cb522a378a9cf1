"""Several texts in one sequence, so that no time goes into padding."""

from bisect import bisect_left, insort
from collections.abc import Sequence

from ftctl.domain.encoded import IGNORED, Encoded


def pack(texts: Sequence[Encoded], length: int, *, separate: bool) -> list[Encoded]:
    """The texts in sequences of at most ``length`` tokens, by best fit with the longest first.

    Args:
        texts: each at most ``length`` tokens long.
        length: of the sequences.
        separate: no text sees the others: positions begin again, and the first token of a text is not predicted from
            the last one of the text before. Otherwise they are one text to the model.
    """
    bins: list[list[Encoded]] = []
    room: list[tuple[int, int]] = []
    for text in sorted(texts, key=lambda text: len(text.ids), reverse=True):
        size = len(text.ids)
        place = bisect_left(room, (size, -1))
        if place == len(room):
            bins.append([])
            left, number = length, len(bins) - 1
        else:
            left, number = room.pop(place)
        bins[number].append(text)
        insort(room, (left - size, number))
    return [_joined(texts, separate=separate) for texts in bins]


def _joined(texts: list[Encoded], *, separate: bool) -> Encoded:
    ids: list[int] = []
    labels: list[int] = []
    starts: list[int] = []
    for text in texts:
        starts.append(len(ids))
        ids += text.ids
        labels += (IGNORED, *text.labels[1:]) if separate else text.labels
    return Encoded(texts[0].where, tuple(ids), tuple(labels), tuple(starts) if separate else (0,))
