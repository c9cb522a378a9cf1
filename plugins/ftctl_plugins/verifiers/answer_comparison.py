"""Compare two greedy answers, up to ties."""

from collections.abc import Sequence
from typing import Any

from ftctl.domain.golden import GoldenCase

EQUAL, TIE, DIFFERENT = "equal", "tie", "different"


def compare(case: GoldenCase, answer: str, tokenizer: Any) -> str:
    """Return ``equal``, ``tie`` if they part where the runner-up was as good, or ``different``.

    Servers send text, not tokens. Where the texts part is at most one token late: the other token may begin with the
    same letters, or hold only a part of a character. Where the answer's own tokens part is at most early. So any tie
    between the two places explains the difference. Some servers show special tokens that a model wrote within its
    answer; the one that ends it is never shown.
    """
    found = readable(answer)
    within = [token for token in case.output_ids if token not in tokenizer.stop_ids]
    if found in (readable(case.output), readable(tokenizer.decode(within, special=True))):
        return EQUAL
    first = _first_other(case.output_ids, tokenizer.encode(answer))
    last = len(case.margins) - 1
    for place in range(len(case.margins)):
        shared = readable(tokenizer.decode(case.output_ids[: place + 1]))
        if not found.startswith(shared):
            last = place
            break
    between = case.margins[min(first, last) : last + 1]
    return TIE if min(between, default=1.0) < case.tie else DIFFERENT


def readable(text: str) -> str:
    """Return the text without an incomplete character at its end, which servers show as U+FFFD or omit."""
    return text.strip().rstrip("\ufffd").strip()


def largest_difference(case: GoldenCase, top: Sequence[dict[int, float]]) -> float | None:
    """Return the largest difference of log-probabilities in nats while the tokens agree; ``None`` if unknown."""
    found: list[float] = []
    for place, (expected, served) in enumerate(zip(case.top, top, strict=False)):
        found += [abs(value - served[token]) for token, value in expected if token in served]
        if not served or max(served, key=lambda token: served[token]) != case.output_ids[place]:
            break
    return max(found, default=None)


def _first_other(expected: Sequence[int], found: Sequence[int]) -> int:
    """Return the first position at which two sequences of tokens differ."""
    pairs = enumerate(zip(expected, found, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(expected), len(found)))
