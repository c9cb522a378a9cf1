"""Read a turn's content: a text, or parts of text, reasoning and calls of tools."""

from typing import Any

from attrs import frozen

from ftctl.domain.tool_call import ToolCall
from ftctl_adapters.records.formats.calls import calls_in_text
from ftctl_adapters.records.formats.parsed import NotThisFormat, text_of

TEXT, THOUGHTS, CALLS = ("text", "output_text", "input_text"), ("reasoning", "thinking"), ("tool_call", "tool_calls")
"""Types of parts: OpenAI's, Anthropic's, and LLaMA-Factory's of version 1."""


@frozen
class Content:
    """Text of a turn, its reasoning, and its calls."""

    text: str
    reasoning: str = ""
    calls: tuple[ToolCall, ...] = ()


def read_content(value: Any, name: str) -> Content:
    """Return a content; parts of a kind are joined, and anything but text is refused.

    Raises:
        NotThisFormat: a part is an image, audio, or of a type without a meaning here.
    """
    if not isinstance(value, list):
        return Content(text_of(value, name))
    texts, thoughts, calls = list[str](), list[str](), list[ToolCall]()
    for part in value:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind in CALLS:
            calls += calls_in_text(_said(part, kind), f"{name}: {kind}")
        elif kind in (*TEXT, *THOUGHTS):
            said = text_of(_said(part, kind), f"{name}: {kind}")
            (texts if kind in TEXT else thoughts).append(said)
        else:
            raise NotThisFormat(f"{name} has a part of type {kind!r}; only text can be trained")
    return Content("".join(texts), "".join(thoughts), tuple(calls))


def _said(part: dict[str, Any], kind: str) -> Any:
    """Return a part's value, which stands under its type, `text` or `value`."""
    return next((part[key] for key in (kind, "text", "value") if part.get(key) is not None), None)
