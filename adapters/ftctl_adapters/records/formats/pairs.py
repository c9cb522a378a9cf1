"""Rows with a prompt and an answer: Alpaca, Dolly, prompt and completion, several rated answers."""

from collections.abc import Mapping
from typing import Any

from ftctl.domain.example import Message
from ftctl_adapters.records.formats.conversations import with_history, with_system
from ftctl_adapters.records.formats.parsed import NotThisFormat, Parsed, has, text_of
from ftctl_adapters.records.formats.turns import read_turns

PAIRS = (
    ("prompt", "completion"),
    ("prompt", "response"),
    ("query", "response"),
    ("input", "output"),
    ("input", "target"),
)
"""Keys of prompt and answer, as data sets have them."""
BESIDE = frozenset({"system", "history"})


def pair_of(row: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the keys of the row's prompt and answer; ``None`` if it has none."""
    return next((pair for pair in PAIRS if all(key in row for key in pair)), None)


def instruction(row: Mapping[str, Any]) -> tuple[Message, ...]:
    """Return the turns before the answer of an Alpaca or Dolly row: instruction, then ``input`` or ``context``."""
    keys = [key for key in ("instruction", "input", "context") if has(row, key)]
    parts = [text_of(row[key], key) for key in keys]
    return with_system(row, with_history(row, (Message("user", "\n".join(part for part in parts if part)),)))


def read_alpaca(row: Mapping[str, Any]) -> Parsed:
    """Read ``instruction`` with ``input`` or ``context``, and ``output`` or ``response``."""
    key = "response" if "output" not in row and "response" in row else "output"
    turns = (*instruction(row), Message("assistant", text_of(row[key], key)))
    return Parsed(turns, used=BESIDE | {"instruction", "input", "context", key})


def read_pair(row: Mapping[str, Any]) -> Parsed:
    """Read a prompt and an answer, each a text or a list of turns."""
    asking, answering = pair_of(row) or ("prompt", "completion")
    asked = with_system(row, with_history(row, _side(row, asking, "user")))
    return Parsed((*asked, *_side(row, answering, "assistant")), used=BESIDE | {asking, answering})


def read_responses(row: Mapping[str, Any]) -> Parsed:
    """Read several answers: the first or best rated is the last turn, all are kept beside it."""
    listed = row["responses"]
    if not isinstance(listed, list) or not listed:
        raise NotThisFormat("`responses` must be a list of answers")
    for place, one in enumerate(listed, 1):
        if not isinstance(one, dict) or not isinstance(one.get("text"), str):
            raise NotThisFormat(f"response {place}: needs `text`")
    if "completion" in row:
        return read_pair(row)
    best = max(listed, key=lambda one: (_figure(one.get("rating"), 1), _figure(one.get("rank"), -1)))
    return Parsed((*read_prompt(row), Message("assistant", best["text"])), used=BESIDE | {"prompt"})


def read_prompt(row: Mapping[str, Any]) -> tuple[Message, ...]:
    """Return the turns of ``prompt``, a text or a list of turns, behind system prompt and history."""
    return with_system(row, with_history(row, _side(row, "prompt", "user")))


def _side(row: Mapping[str, Any], key: str, role: str) -> tuple[Message, ...]:
    value = row[key]
    return read_turns(value, key) if isinstance(value, list) else (Message(role, text_of(value, key)),)  # type: ignore[arg-type]


def _figure(value: Any, sign: int) -> float:
    """Return a sortable rating, higher is better; an unrated answer is the worst."""
    return sign * float(value) if isinstance(value, int | float) else float("-inf")
