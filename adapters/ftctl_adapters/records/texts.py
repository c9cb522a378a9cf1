"""Read or change all texts of an example."""

from collections.abc import Callable, Iterator
from typing import Any

from attrs import evolve

from ftctl.domain.example import Example, Message

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
        yield message.content


def answers(row: Example) -> Iterator[str]:
    """Yield the texts that a model would learn to produce: raw text, or assistant turns."""
    if row.text:
        yield row.text
    for message in row.messages:
        if message.role == "assistant" and message.weight:
            yield message.content


def _turns(turns: tuple[Message, ...], change: Change) -> tuple[Message, ...]:
    changed = [change(turn.content) for turn in turns]
    if all(new == turn.content for new, turn in zip(changed, turns, strict=True)):
        return turns
    return tuple(evolve(turn, content=new) for new, turn in zip(changed, turns, strict=True))
