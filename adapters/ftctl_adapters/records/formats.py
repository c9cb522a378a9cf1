"""Detect formats of conversations by their keys, and convert them to canonical examples."""

from collections.abc import Callable, Mapping
from typing import Any

from ftctl.domain.example import ROLES, Example, Message
from ftctl.domain.names import nearest

SHAREGPT_ROLES = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "assistant": "assistant",
    "function_call": "assistant",
    "observation": "tool",
    "tool": "tool",
}


FORMAT_KEYS = (
    "chosen",
    "rejected",
    "messages",
    "conversations",
    "instruction",
    "output",
    "prompt",
    "completion",
    "responses",
    "text",
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


class NotThisFormat(Exception):
    """Raised if a row cannot become an example."""


def detect(row: Mapping[str, Any]) -> str | None:
    """Return the format of a row by its keys; ``None`` if unknown."""
    if "messages" in row:
        return "messages"
    if "conversations" in row:
        return "sharegpt"
    if "instruction" in row and "output" in row:
        return "alpaca"
    if "chosen" in row and "rejected" in row:
        return "preference"
    if "prompt" in row and "responses" in row:
        return "responses"
    if "prompt" in row and "completion" in row:
        return "prompt-completion"
    return "text" if "text" in row else None


def unknown_format(row: Mapping[str, Any]) -> str:
    """Explain why a row has no known format, with the key that was probably meant."""
    for key in row:
        meant = nearest(str(key), FORMAT_KEYS, likeness=0.75)
        if meant and meant != key:
            return f"no known format: key {key!r}, did you mean {meant!r}?"
    keys = ", ".join(sorted(map(str, row)))[:80]
    lacking = " and ".join(PARTNERS[str(key)] for key in row if str(key) in PARTNERS)
    half = f"; {lacking} is missing" if lacking else ""
    return f"no known format: keys {keys}{half}; known are {', '.join(READERS)}; map others: data_source.names"


def to_example(row: Mapping[str, Any], form: str, where: str, byte: int | None = None) -> Example:
    """Return the canonical example of a row that begins at this byte of its file.

    Raises:
        NotThisFormat: it lacks what the format needs, or holds it in another type.
    """
    messages, text, used = READERS[form](row)
    if messages:
        _check_turns(messages)
    elif not text.strip():
        raise NotThisFormat("empty text")
    rest = {key: value for key, value in row.items() if key not in used}
    metadata = rest.pop("metadata", {})
    if not isinstance(metadata, dict):
        metadata = {"metadata": metadata}
    tools = rest.pop("tools", None) or []
    if not isinstance(tools, list):
        raise NotThisFormat("`tools` must be a list")
    group = rest.pop("group", None) or metadata.get("group") or ""
    worse = _pair(row)[2:] if form == "preference" else ()
    if worse and not worse[0].content.strip():
        raise NotThisFormat("rejected: the answer is empty")
    if worse and worse[0].content == messages[-1].content:
        raise NotThisFormat("chosen and rejected are the same answer")
    return Example(where, messages, text, worse, str(group), tools, metadata | rest, byte=byte)


def _check_turns(messages: tuple[Message, ...]) -> None:
    if messages[-1].role != "assistant":
        raise NotThisFormat(f"the last turn is {messages[-1].role}'s; nothing to learn from")
    if not any(m.role == "assistant" and m.weight for m in messages):
        raise NotThisFormat("no assistant turn has a weight other than 0")
    for place, message in enumerate(messages):
        if message.role == "assistant" and message.weight and not message.content.strip():
            raise NotThisFormat(f"turn {place + 1}: the answer is empty")
        if message.role == "system" and place:
            raise NotThisFormat(f"turn {place + 1}: a system turn must come first")
    if messages[0].role == "assistant" and len(messages) == 1:
        raise NotThisFormat("an answer needs a turn before it")


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str):
        raise NotThisFormat(f"{name} must be text, not {type(value).__name__}")
    return value


Parts = tuple[tuple[Message, ...], str, set[str]]


def _messages(row: Mapping[str, Any]) -> Parts:
    return _turns(row["messages"], "messages", "role", "content", {role: role for role in ROLES}), "", {"messages"}


def _sharegpt(row: Mapping[str, Any]) -> Parts:
    turns = _turns(row["conversations"], "conversations", "from", "value", SHAREGPT_ROLES)
    system = row.get("system")
    if system:
        turns = (Message("system", _text(system, "system")), *turns)
    return turns, "", {"conversations", "system"}


def _turns(value: Any, key: str, role_key: str, text_key: str, roles: Mapping[str, str]) -> tuple[Message, ...]:
    if not isinstance(value, list) or not value:
        raise NotThisFormat(f"`{key}` must be a list with turns")
    turns = []
    for place, turn in enumerate(value, 1):
        if not isinstance(turn, dict) or role_key not in turn or text_key not in turn:
            raise NotThisFormat(f"turn {place}: needs `{role_key}` and `{text_key}`")
        unknown = turn.keys() - {role_key, text_key, "weight"}
        if unknown:
            raise NotThisFormat(f"turn {place}: cannot use the key {min(unknown)!r}")
        role = roles.get(str(turn[role_key]))
        if role is None:
            raise NotThisFormat(f"turn {place}: unknown role {turn[role_key]!r}")
        weight = turn.get("weight", 1)
        if weight not in (0, 1) or isinstance(weight, float):
            raise NotThisFormat(f"turn {place}: weight must be 0 or 1")
        turns.append(Message(role, _text(turn[text_key], f"turn {place}: {text_key}"), int(weight)))  # type: ignore[arg-type]
    return tuple(turns)


def _alpaca(row: Mapping[str, Any]) -> Parts:
    asked = [_text(row[key], key) for key in ("instruction", "input") if row.get(key)]
    turns = [Message("system", _text(row["system"], "system"))] if row.get("system") else []
    for pair in row.get("history") or []:
        if not isinstance(pair, list) or len(pair) != 2:
            raise NotThisFormat("`history` must be a list of [question, answer]")
        turns += [Message("user", _text(pair[0], "history")), Message("assistant", _text(pair[1], "history"))]
    turns += [Message("user", "\n".join(asked)), Message("assistant", _text(row["output"], "output"))]
    return tuple(turns), "", {"instruction", "input", "output", "system", "history"}


def _prompt_completion(row: Mapping[str, Any]) -> Parts:
    turns: list[Message] = []
    for key, role in (("prompt", "user"), ("completion", "assistant")):
        value = row[key]
        if isinstance(value, list):
            turns += _turns(value, key, "role", "content", {name: name for name in ROLES})
        else:
            turns.append(Message(role, _text(value, key)))  # type: ignore[arg-type]
    return tuple(turns), "", {"prompt", "completion"}


def _responses(row: Mapping[str, Any]) -> Parts:
    """Return an example with several answers: the first or best rated is its last turn, all are kept beside it."""
    listed = row["responses"]
    if not isinstance(listed, list) or not listed:
        raise NotThisFormat("`responses` must be a list of answers")
    for place, one in enumerate(listed, 1):
        if not isinstance(one, dict) or not isinstance(one.get("text"), str):
            raise NotThisFormat(f"response {place}: needs `text`")
    if "completion" in row:
        return _prompt_completion(row)[0], "", {"prompt", "completion"}
    best = max(listed, key=lambda one: (_figure(one.get("rating"), 1), _figure(one.get("rank"), -1)))
    return _prompt_completion({"prompt": row["prompt"], "completion": best["text"]})[0], "", {"prompt"}


def _figure(value: Any, sign: int) -> float:
    """Return a sortable rating, higher is better; an unrated answer is the worst."""
    return sign * float(value) if isinstance(value, int | float) else float("-inf")


def _preference(row: Mapping[str, Any]) -> Parts:
    asked, chosen, _ = _pair(row)
    return (*asked, chosen), "", {"prompt", "chosen", "rejected"}


def _pair(row: Mapping[str, Any]) -> tuple[tuple[Message, ...], Message, Message]:
    """Return the common turns, the chosen answer and the rejected one; without a prompt, the common beginning."""
    chosen, rejected = _answers(row, "chosen"), _answers(row, "rejected")
    asked: tuple[Message, ...]
    if "prompt" not in row:
        asked, chosen, rejected = chosen[:-1], chosen[-1:], rejected if rejected[:-1] != chosen[:-1] else rejected[-1:]
    elif isinstance(row["prompt"], list):
        asked = _turns(row["prompt"], "prompt", "role", "content", {name: name for name in ROLES})
    else:
        asked = (Message("user", _text(row["prompt"], "prompt")),)
    if not asked or len(chosen) != 1 or len(rejected) != 1:
        raise NotThisFormat("chosen and rejected must be one answer each to the same turns; is `prompt` missing?")
    return asked, chosen[0], rejected[0]


def _answers(row: Mapping[str, Any], key: str) -> tuple[Message, ...]:
    value = row[key]
    if isinstance(value, list):
        return _turns(value, key, "role", "content", {name: name for name in ROLES})
    return (Message("assistant", _text(value, key)),)


def _plain(row: Mapping[str, Any]) -> Parts:
    return (), _text(row["text"], "text"), {"text"}


READERS: dict[str, Callable[[Mapping[str, Any]], Parts]] = {
    "messages": _messages,
    "sharegpt": _sharegpt,
    "alpaca": _alpaca,
    "prompt-completion": _prompt_completion,
    "preference": _preference,
    "responses": _responses,
    "text": _plain,
}
