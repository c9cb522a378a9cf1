"""Guess which columns of rows are the parts of a format, where their names do not say."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ftctl_adapters.records.row_mapping import RowMapping

ASKING = ("question", "query", "prompt", "input", "instruction", "user", "ask", "source", "problem", "request", "title")
ANSWERING = (
    "answer",
    "reply",
    "response",
    "output",
    "completion",
    "target",
    "solution",
    "assistant",
    "summary",
    "label",
)
WORDS = {
    "user": ("user", "human", "customer", "client", "student", "patient", "caller", "person", "prompter", "questioner"),
    "assistant": (
        "assistant",
        "bot",
        "gpt",
        "agent",
        "ai",
        "model",
        "chatbot",
        "teacher",
        "doctor",
        "advisor",
        "answer",
    ),
    "system": ("system", "instruction"),
    "tool": ("tool", "function", "observation"),
}
"""Words that data sets have for roles."""

TWO = 2
FEW = 8
"""A key of turns with at most so many values is taken for their role."""


def guess_mapping(rows: Sequence[Mapping[str, Any]]) -> RowMapping | None:
    """Return the mapping that rows probably need; ``None`` without a guess.

    Args:
        rows: some rows of one file, as they were read.
    """
    turns = next((key for key in _keys(rows) if _are_turns(rows, key)), None)
    return _of_turns(rows, turns) if turns else _of_columns(rows)


def _keys(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return paths of values, one level below objects too, those of most rows first."""
    found: Counter[str] = Counter()
    for row in rows:
        for key, value in row.items():
            found[key] += 1
            if isinstance(value, Mapping):
                found.update(f"{key}.{inner}" for inner in value)
    return [key for key, _ in found.most_common()]


def _values(rows: Sequence[Mapping[str, Any]], path: str) -> list[Any]:
    outer, _, inner = path.partition(".")
    found = [row.get(path, row.get(outer)) for row in rows]
    return [value.get(inner) if inner and isinstance(value, Mapping) else value for value in found]


def _are_turns(rows: Sequence[Mapping[str, Any]], key: str) -> bool:
    lists = [value for value in _values(rows, key) if isinstance(value, list) and value]
    return bool(lists) and all(isinstance(turn, Mapping) for value in lists for turn in value)


def _of_turns(rows: Sequence[Mapping[str, Any]], key: str) -> RowMapping | None:
    turns = [turn for value in _values(rows, key) if isinstance(value, list) for turn in value]
    texts = [name for name in turns[0] if all(isinstance(turn.get(name), str) for turn in turns)]
    said = {name: {turn[name] for turn in turns} for name in texts}
    role = next((name for name in texts if len(said[name]) <= FEW and any(map(_role, said[name]))), None)
    rest = [name for name in texts if name != role]
    if role is None or not rest:
        return None
    content = max(rest, key=lambda name: sum(len(turn[name]) for turn in turns))
    roles = {word: meant for word in sorted(said[role]) if (meant := _role(word)) and meant != word}
    names = {} if key == "messages" else {"messages": key}
    renamed = {ours: theirs for ours, theirs in (("role", role), ("content", content)) if ours != theirs}
    return RowMapping(names, renamed, roles)


def _role(word: str) -> str:
    """Return the role that a word names; empty if none."""
    plain = word.lower().strip(" :_-")
    return next((role for role, words in WORDS.items() if plain in words), "")


def _of_columns(rows: Sequence[Mapping[str, Any]]) -> RowMapping | None:
    texts = [key for key in _keys(rows) if all(isinstance(value, str) for value in _values(rows, key))]
    asked, answered = _called(texts, ASKING), _called(texts, ANSWERING)
    if asked and answered and asked != answered:
        return RowMapping({"prompt": asked, "completion": answered})
    if len(texts) == TWO == len(_keys(rows)):
        # in whatever language they are named, what is asked stands before its answer
        return RowMapping({"prompt": texts[0], "completion": texts[1]})
    if len(texts) == 1:
        return RowMapping({"text": texts[0]})
    return None


def _called(keys: Sequence[str], words: Sequence[str]) -> str:
    """Return the key that is one of the words, or has one in it; empty if none."""
    lowered = {key: key.rpartition(".")[2].lower() for key in keys}
    exact = (key for word in words for key, name in lowered.items() if name == word)
    part = (key for word in words for key, name in lowered.items() if word in name)
    return next(exact, None) or next(part, "")
