"""Rows with whole conversations: OpenAI's ``messages``, ShareGPT's ``conversations``."""

from collections.abc import Mapping
from typing import Any

from ftctl.domain.example import Message
from ftctl_adapters.records.formats.parsed import NotThisFormat, Parsed, has, text_of
from ftctl_adapters.records.formats.turns import SHAREGPT, read_turns


def read_messages(row: Mapping[str, Any]) -> Parsed:
    """Read ``messages``, with a row's ``system`` prompt before them."""
    return Parsed(with_system(row, read_turns(row["messages"], "messages")), used=frozenset({"messages", "system"}))


def read_sharegpt(row: Mapping[str, Any]) -> Parsed:
    """Read ``conversations``, with a row's ``system`` prompt before them."""
    turns = with_system(row, read_turns(row["conversations"], "conversations", SHAREGPT))
    return Parsed(turns, used=frozenset({"conversations", "system"}))


def with_system(row: Mapping[str, Any], turns: tuple[Message, ...]) -> tuple[Message, ...]:
    """Return the turns with the row's system prompt before them.

    Raises:
        NotThisFormat: the turns have another system prompt.
    """
    if not has(row, "system") or row["system"] == "":
        return turns
    system = Message("system", text_of(row["system"], "system"))
    if not turns or turns[0].role != "system":
        return (system, *turns)
    if turns[0].content != system.content:
        raise NotThisFormat("the row's `system` and its first turn are two different system prompts")
    return turns


def with_history(row: Mapping[str, Any], asked: tuple[Message, ...]) -> tuple[Message, ...]:
    """Return the turns with those of ``history``, a list of [question, answer], before them."""
    turns: list[Message] = []
    for pair in row["history"] if has(row, "history") else []:
        if not isinstance(pair, list) or len(pair) != 2:
            raise NotThisFormat("`history` must be a list of [question, answer]")
        turns += [Message("user", text_of(pair[0], "history")), Message("assistant", text_of(pair[1], "history"))]
    return (*turns, *asked)
