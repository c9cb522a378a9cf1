"""Read the calls of tools out of what a model wrote, in the forms that chat templates teach."""

import ast
import json
import re
from collections.abc import Iterator
from typing import Any

from ftctl.domain.tool_call import ToolCall

NAMED = re.compile(
    r"to=functions\.(?P<gptoss>[\w.-]+)[^{]*"
    r"|<｜tool▁call▁begin｜>(?:function<｜tool▁sep｜>)?(?P<deepseek>[\w.-]+)(?:<｜tool▁sep｜>)?\s*(?:```json\s*)?"
    r"|(?P<mistral>[\w.-]+)\[ARGS\]\s*"
)
"""Names that stand before the object of their arguments."""

TAGGED = re.compile(r"<function=([\w.-]+)>(.*?)</function>", re.DOTALL)
TAGGED_PARAMETER = re.compile(r"<parameter=([^>]+)>\n?(.*?)\n?</parameter>", re.DOTALL)
KEYED = re.compile(r"<tool_call>\s*([\w.-]+)\s*((?:<arg_key>.*?</arg_value>\s*)*)</tool_call>", re.DOTALL)
KEYED_ARGUMENT = re.compile(r"<arg_key>(.*?)</arg_key>\s*<arg_value>(.*?)</arg_value>", re.DOTALL)
PYTHONIC = re.compile(r"\[[A-Za-z_][\w.]*\(.*?\)\]", re.DOTALL)

OPENING = re.compile(r"(?:<[^<>]*>|\[TOOL_CALLS\]|\[|```\w*)?\s*\Z")
"""Marks that stand before a call."""

Found = tuple[int, ToolCall]


def answer_calls(text: str) -> tuple[ToolCall, ...]:
    """Return the calls that a text spells, in their order; what is no call is passed over.

    Read are objects with ``name`` and ``arguments`` or ``parameters``, alone, in lists or between any marks (Hermes,
    Qwen, Llama, Mistral), a name before its arguments (gpt-oss, DeepSeek, Mistral), tags (Qwen3-Coder, GLM), and calls
    as Python writes them (LFM2, Llama 4).
    """
    return split_calls(text)[1]


def split_calls(text: str) -> tuple[str, tuple[ToolCall, ...]]:
    """Return what a text says before its calls, without the marks that open them, and the calls as `answer_calls`."""
    found = [*_tagged(text), *_keyed(text)] or [*_named(text)] or [*_objects(text)] or [*_pythonic(text)]
    if not found:
        return text, ()
    ordered = sorted(found, key=lambda one: one[0])
    before = text[: ordered[0][0]]
    while (shorter := OPENING.sub("", before)) != before:
        before = shorter
    return before, tuple(call for _, call in ordered)


def _objects(text: str) -> Iterator[Found]:
    place = text.find("{")
    while place >= 0:
        value, end = _decoded(text, place)
        call = _call(value)
        if call:
            yield place, call
        place = text.find("{", end if call else place + 1)


def _decoded(text: str, place: int) -> tuple[Any, int]:
    """Return the JSON value that begins at a character, and where it ends; None if there is none."""
    try:
        return json.JSONDecoder().raw_decode(text, place)
    except (ValueError, RecursionError):
        return None, place + 1


def _call(value: Any) -> ToolCall | None:
    function = value.get("function", value) if isinstance(value, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        return None
    given = function.get("arguments", function.get("parameters"))
    if isinstance(given, str):
        given = _decoded(given, 0)[0]
    return ToolCall.of(function["name"], given) if isinstance(given, dict) else None


def _named(text: str) -> Iterator[Found]:
    for match in NAMED.finditer(text):
        value, _ = _decoded(text, match.end())
        if isinstance(value, dict):
            yield match.start(), ToolCall.of(next(name for name in match.groups() if name), value)


def _tagged(text: str) -> Iterator[Found]:
    for match in TAGGED.finditer(text):
        arguments = {name: _value(value) for name, value in TAGGED_PARAMETER.findall(match[2])}
        yield match.start(), ToolCall.of(match[1], arguments)


def _keyed(text: str) -> Iterator[Found]:
    for match in KEYED.finditer(text):
        arguments = {name.strip(): _value(value) for name, value in KEYED_ARGUMENT.findall(match[2])}
        yield match.start(), ToolCall.of(match[1], arguments)


def _value(text: str) -> Any:
    """Return a value that a tag holds: JSON where it is, otherwise the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _pythonic(text: str) -> Iterator[Found]:
    for match in PYTHONIC.finditer(text):
        try:
            tree = ast.parse(match[0], mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        calls = tree.elts if isinstance(tree, ast.List) else []
        for call in calls:
            read = _python_call(call)
            if read:
                yield match.start() + call.col_offset, read


def _python_call(node: ast.expr) -> ToolCall | None:
    if not isinstance(node, ast.Call) or node.args:
        return None
    try:
        arguments = {str(one.arg): ast.literal_eval(one.value) for one in node.keywords}
        return ToolCall.of(ast.unparse(node.func), json.loads(json.dumps(arguments)))
    except (ValueError, TypeError):
        return None
