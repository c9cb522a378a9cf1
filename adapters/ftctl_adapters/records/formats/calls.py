"""Read calls of tools: OpenAI's ``tool_calls`` and ``function_call``, and calls written as JSON in a text."""

import json
from collections.abc import Mapping
from typing import Any

from ftctl.domain.tool_call import ToolCall
from ftctl_adapters.records.formats.parsed import NotThisFormat


def read_calls(turn: Mapping[str, Any], name: str) -> tuple[ToolCall, ...]:
    """Return the calls of a turn; its keys with null are left out already.

    Raises:
        NotThisFormat: a call has no name, or arguments that are no object.
    """
    listed = turn.get("tool_calls", [])
    if not isinstance(listed, list):
        raise NotThisFormat(f"{name} must be a list")
    single = [turn["function_call"]] if "function_call" in turn else []
    return tuple(_call(one, name) for one in (*listed, *single))


def calls_in_text(value: Any, name: str) -> tuple[ToolCall, ...]:
    """Return the calls that a text spells as JSON: one object, or a list of them.

    Raises:
        NotThisFormat: the text is no such JSON.
    """
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        raise NotThisFormat(f"{name} is a call of a tool, and no JSON") from None
    return tuple(_call(one, name) for one in (found if isinstance(found, list) else [found]))


def _call(value: Any, name: str) -> ToolCall:
    function = value.get("function", value) if isinstance(value, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str) or not function["name"]:
        raise NotThisFormat(f"{name}: a call needs `name` and `arguments`")
    given = function.get("arguments", function.get("parameters"))
    try:
        arguments = json.loads(given) if isinstance(given, str) and given.strip() else given or {}
    except ValueError:
        raise NotThisFormat(f"{name}: the arguments of {function['name']} are text that is no JSON") from None
    if not isinstance(arguments, dict):
        raise NotThisFormat(f"{name}: the arguments of {function['name']} must be an object")
    return ToolCall.of(function["name"], arguments, str(value.get("id") or ""))
