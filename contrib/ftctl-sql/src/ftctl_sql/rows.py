"""From a row to a training example."""

import json
from typing import Any

from ftctl.domain import Example, Message, Rejection
from ftctl_sql.options import SqlOptions

ROLES = ("system", "user", "assistant", "tool")


class Unusable(Exception):
    """Why a row cannot be trained on."""


def example(row: dict[str, Any], given: SqlOptions) -> Example | Rejection:
    """The example, or why not; columns that are not trained become its metadata."""
    where = f"{given.key}={row.get(given.key)}"
    used = {name for name in (given.prompt, given.completion, given.system, given.messages, given.text) if name}
    metadata = {name: value for name, value in row.items() if name not in used}
    try:
        if given.text:
            return Example(where, text=_text(row, given.text), metadata=metadata)
        turns = _turns(row, given.messages) if given.messages else _pair(row, given)
        return Example(where, messages=turns, metadata=metadata)
    except Unusable as error:
        return Rejection(where, str(error), json.dumps(row, ensure_ascii=False)[:200])


def _pair(row: dict[str, Any], given: SqlOptions) -> tuple[Message, ...]:
    assert given.prompt
    assert given.completion
    system = row.get(given.system) if given.system else None
    told = (Message("system", str(system)),) if system else ()
    return (*told, Message("user", _text(row, given.prompt)), Message("assistant", _text(row, given.completion)))


def _turns(row: dict[str, Any], column: str) -> tuple[Message, ...]:
    found = row.get(column)
    try:
        turns = json.loads(found) if isinstance(found, str) else found
    except ValueError as error:
        raise Unusable(f"{column} is no JSON: {error}") from error
    if not isinstance(turns, list) or not turns:
        raise Unusable(f"{column} is no list of turns")
    for turn in turns:
        if not isinstance(turn, dict) or turn.get("role") not in ROLES or not isinstance(turn.get("content"), str):
            raise Unusable(f"{column}: a turn needs a role ({', '.join(ROLES)}) and a content")
    if turns[-1]["role"] != "assistant":
        raise Unusable(f"{column}: the last turn is not the assistant's")
    return tuple(Message(turn["role"], turn["content"]) for turn in turns)


def _text(row: dict[str, Any], column: str) -> str:
    if column not in row:
        raise Unusable(f"the query has no column {column!r}")
    value = row[column]
    if not isinstance(value, str) or not value.strip():
        raise Unusable(f"{column} is empty" if value is None or isinstance(value, str) else f"{column} is no text")
    return value
