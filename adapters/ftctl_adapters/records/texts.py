"""Read or change all texts of an example."""

from collections.abc import Callable, Iterator
from typing import Any

from attrs import evolve

from ftctl.domain.example import Example, Message
from ftctl.domain.tool_call import ToolCall

Change = Callable[[str], str]


def map_texts(row: Example, change: Change) -> Example:
    """Return the example with every text changed; the same object if nothing changes."""
    text = change(row.text) if row.text else row.text
    messages, rejected = _turns(row.messages, change), _turns(row.rejected, change)
    if text == row.text and messages is row.messages and rejected is row.rejected:
        return row
    return evolve(row, text=text, messages=messages, rejected=rejected)


def map_values(value: Any, change: Change) -> Any:
    """Return a JSON value with every text changed, except object keys."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {key: map_values(item, change) for key, item in value.items()}
    return [map_values(item, change) for item in value] if isinstance(value, list) else value


def texts(row: Example) -> Iterator[str]:
    """Yield every text that a model would read, in order."""
    if row.text:
        yield row.text
    for message in (*row.messages, *row.rejected):
        yield from _texts_of(message)


def answers(row: Example) -> Iterator[str]:
    """Yield the texts that a model would learn to produce: raw text, or assistant turns."""
    if row.text:
        yield row.text
    for message in row.messages:
        if message.role == "assistant" and message.weight:
            yield from _texts_of(message)


def _texts_of(message: Message) -> Iterator[str]:
    if message.reasoning:
        yield message.reasoning
    if message.content or not message.tool_calls:
        yield message.content
    for call in message.tool_calls:
        yield call.arguments


def _turns(turns: tuple[Message, ...], change: Change) -> tuple[Message, ...]:
    changed = tuple(_turn(turn, change) for turn in turns)
    return turns if changed == turns else changed


def _turn(turn: Message, change: Change) -> Message:
    """Return the turn with its texts changed, those within arguments of calls too."""
    reasoning = change(turn.reasoning) if turn.reasoning else ""
    calls = tuple(ToolCall.of(call.name, map_values(call.object, change), call.id) for call in turn.tool_calls)
    # text of calls is canonical, so a call that says the same is the same
    return evolve(turn, content=change(turn.content), reasoning=reasoning, tool_calls=calls)
