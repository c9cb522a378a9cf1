"""Detect the format of a row by its keys."""

from collections.abc import Callable, Mapping
from typing import Any

from ftctl.domain.names import nearest
from ftctl_adapters.records.formats.conversations import read_messages, read_sharegpt
from ftctl_adapters.records.formats.pairs import PAIRS, pair_of, read_alpaca, read_pair, read_responses
from ftctl_adapters.records.formats.parsed import Parsed, has, text_of
from ftctl_adapters.records.formats.preference import WHOLE, read_preference

FORMAT_KEYS = (
    *("chosen", "rejected", "messages", "conversations", "instruction", "output"),
    *dict.fromkeys(key for pair in PAIRS for key in pair if key not in ("input", "output")),
    *("responses", "text"),
)
PARTNERS = {
    "prompt": "completion",
    "completion": "prompt",
    "instruction": "output",
    "output": "instruction",
    "chosen": "rejected",
    "rejected": "chosen",
}
"""Of keys that mean nothing alone, what belongs to them."""


def detect(row: Mapping[str, Any]) -> str | None:
    """Return the format of a row by its keys; ``None`` if unknown."""
    if has(row, "chosen", "rejected") or has(row, "rejected_response") or has(row, *WHOLE):
        return "preference"
    if "messages" in row:
        return "messages"
    if "conversations" in row:
        return "sharegpt"
    if "instruction" in row and ("output" in row or "response" in row):
        return "alpaca"
    if "prompt" in row and "responses" in row:
        return "responses"
    if pair_of(row):
        return "prompt-completion"
    return "text" if "text" in row and not _is_turn_of_tree(row) else None


def _is_turn_of_tree(row: Mapping[str, Any]) -> bool:
    """Return True for one turn of an OASST tree, which is no text by itself."""
    return has(row, "message_id", "role", "text")


def unknown_format(row: Mapping[str, Any]) -> str:
    """Explain why a row has no known format, with the key that was probably meant."""
    if _is_turn_of_tree(row):
        return "no known format: one turn of an OASST tree a row; join the turns of a conversation into one row"
    for key in row:
        meant = nearest(str(key), FORMAT_KEYS, likeness=0.75)
        if meant and meant != key:
            return f"no known format: key {key!r}, did you mean {meant!r}?"
    keys = ", ".join(sorted(map(str, row)))[:80]
    lacking = " and ".join(PARTNERS[str(key)] for key in row if str(key) in PARTNERS)
    half = f"; {lacking} is missing" if lacking else ""
    return f"no known format: keys {keys}{half}; known are {', '.join(READERS)}; map others: data_source.names"


def _text(row: Mapping[str, Any]) -> Parsed:
    return Parsed(text=text_of(row["text"], "text"), used=frozenset({"text"}))


READERS: dict[str, Callable[[Mapping[str, Any]], Parsed]] = {
    "messages": read_messages,
    "sharegpt": read_sharegpt,
    "alpaca": read_alpaca,
    "prompt-completion": read_pair,
    "preference": read_preference,
    "responses": read_responses,
    "text": _text,
}
