"""Find parts of a conversation that a chat template leaves out."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from ftctl.domain.example import Message

BLANKS = re.compile(r"\s+")


def template_losses(text: str, messages: Sequence[Message], tools: Sequence[dict[str, Any]]) -> list[str]:
    """Return what the rendered text lacks, such as ``turn 3 (tool)`` or ``tools``; blanks make no difference.

    A turn's content is looked for after that of the turn before; a system turn anywhere, since some templates move it.
    Content that a template writes as a JSON string is found too. Of tools, the names of functions and parameters are
    looked for, since every template lays schemas out in its own way.
    """
    squeezed, begin, lost = BLANKS.sub("", text), 0, []
    for place, message in enumerate(messages, 1):
        lost += [f"turn {place} ({what})" for what in _extras(squeezed, message, begin)]
        end = _end(squeezed, message.content, 0 if message.role == "system" else begin)
        if end < 0:
            lost.append(f"turn {place} ({message.role})")
        elif message.role != "system":
            begin = end
    if any(name not in text for tool in tools for name in _names(tool)):
        lost.append("tools")
    return lost


def _extras(squeezed: str, message: Message, begin: int) -> Iterator[str]:
    """Yield what the text lacks of a turn's reasoning and calls, behind the turn before it."""
    if message.reasoning and _end(squeezed, message.reasoning, begin) < 0:
        yield "reasoning"
    spelled = (text for call in message.tool_calls for text in (call.name, *_leaves(call.object)))
    if any(_end(squeezed, text, begin) < 0 for text in spelled):
        yield "tool call"


def _leaves(value: Any) -> Iterator[str]:
    """Yield keys and texts of a JSON value."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from _leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    elif isinstance(value, str):
        yield value


def _end(squeezed: str, content: str, begin: int) -> int:
    """Return where the content ends in the text without blanks; -1 if it is not there."""
    for form in (content, json.dumps(content, ensure_ascii=False)[1:-1], json.dumps(content)[1:-1]):
        wanted = BLANKS.sub("", form)
        found = squeezed.find(wanted, begin)
        if found >= 0:
            return found + len(wanted)
    return -1


def _names(tool: dict[str, Any]) -> list[str]:
    """Return the names of a tool's function and of its parameters."""
    function = tool.get("function", tool)
    function = function if isinstance(function, dict) else {}
    parameters = function.get("parameters")
    properties = parameters.get("properties") if isinstance(parameters, dict) else None
    return [str(function.get("name", "")), *map(str, properties if isinstance(properties, dict) else ())]
