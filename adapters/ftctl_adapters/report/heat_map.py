"""Attribution heat map: words of a question, coloured by their influence on the answer."""

from collections.abc import Sequence
from html import escape
from typing import Any

SHOWN = 8


def heat_map(records: Sequence[dict[str, Any]]) -> str:
    """Return HTML of the first examples with token scores; empty if there are none."""
    told = [record for record in records if record.get("scores")][:SHOWN]
    return "".join(
        f'<p class="heat">{_words(record["tokens"], record["scores"])}<br><b>{escape(str(record["answer"]))}</b></p>'
        for record in told
    )


def _words(tokens: Sequence[str], scores: Sequence[float]) -> str:
    told, waiting = [], 0.0
    for token, score in zip(tokens, scores, strict=True):
        # a character that several tokens spell stands with the last, and has what all of them have
        waiting += score
        if token:
            told.append((token, waiting))
            waiting = 0.0
    most = max((abs(score) for _, score in told), default=0.0) or 1.0
    return "".join(
        f'<span style="background:{_colour(score / most)}" title="{score:+.3g}">{escape(token)}</span>'
        for token, score in told
    )


def _colour(share: float) -> str:
    """Return a colour: blue raises the answer's probability, orange lowers it."""
    return f"rgba({'9,105,218' if share > 0 else '188,76,0'},{min(abs(share), 1.0) * 0.6:.2f})"
