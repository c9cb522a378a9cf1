"""Read turns of conversations, as roles with texts or as ShareGPT's speakers with values."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from ftctl.domain.example import ROLES, Message
from ftctl_adapters.records.formats.calls import calls_in_text, read_calls
from ftctl_adapters.records.formats.parsed import NotThisFormat, text_of
from ftctl_adapters.records.formats.parts import Content, read_content

SHAREGPT_ROLES = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bard": "assistant",
    "assistant": "assistant",
    "function_call": "assistant",
    "observation": "tool",
    "tool": "tool",
}
OPENAI_ROLES: dict[str, str] = {**dict(zip(ROLES, ROLES, strict=True)), "developer": "system"}
FLAGS = ("weight", "loss", "loss_weight", "train", "trainable", "training")
"""Keys of a turn by which people say whether it is trained: 0 and false, 1 and true."""
MORE = ("tool_calls", "function_call", "tool_call_id", "name")
REASONING = ("reasoning_content", "reasoning", "thinking")
"""Keys of a turn's reasoning, as servers and data sets call it."""


@frozen
class Style:
    """Keys of a turn's role and text, and the roles by the words of the format."""

    role: str
    text: str
    roles: Mapping[str, str]


OPENAI = Style("role", "content", OPENAI_ROLES)
SHAREGPT = Style("from", "value", SHAREGPT_ROLES)


def read_turns(value: Any, key: str, style: Style = OPENAI) -> tuple[Message, ...]:
    """Return the turns of a list; keys with null are absent keys.

    Raises:
        NotThisFormat: a turn lacks its role or text, or has what cannot be used.
    """
    if not isinstance(value, list) or not value:
        raise NotThisFormat(f"`{key}` must be a list with turns")
    where = "" if key in ("messages", "conversations") else f"{key}: "
    return tuple(read_turn(turn, f"{where}turn {place}", style) for place, turn in enumerate(value, 1))


def read_turn(turn: Any, name: str, style: Style = OPENAI) -> Message:
    """Return one turn; ``name`` stands in errors."""
    given = {key: value for key, value in turn.items() if value is not None} if isinstance(turn, dict) else {}
    if style.role not in given or (style.text not in turn and not given.keys() & {"tool_calls", "function_call"}):
        raise NotThisFormat(f"{name}: needs `{style.role}` and `{style.text}`")
    unknown = given.keys() - {style.role, style.text, *FLAGS, *MORE, *REASONING}
    if unknown:
        raise NotThisFormat(f"{name}: cannot use the key {min(unknown)!r}")
    role = style.roles.get(str(given[style.role]))
    if role is None:
        raise NotThisFormat(f"{name}: unknown role {given[style.role]!r}")
    weights = [_weight(given[flag], f"{name}: {flag}") for flag in FLAGS if flag in given]
    calls, value = read_calls(given, f"{name}: tool_calls"), given.get(style.text)
    if given[style.role] == "function_call":
        calls, value = calls_in_text(value, f"{name}: {style.text}"), ""
    content = Content("") if value is None and calls else read_content(value, f"{name}: {style.text}")
    calls += content.calls
    if calls and role != "assistant":
        raise NotThisFormat(f"{name}: only assistant turns call tools")
    thoughts = {text_of(given[key], f"{name}: {key}") for key in REASONING if key in given}
    thoughts |= {content.reasoning} if content.reasoning else set()
    if len(thoughts) > 1:
        raise NotThisFormat(f"{name}: has two different texts of reasoning")
    return Message(
        role,  # type: ignore[arg-type] # one of the style's
        content.text,
        min(weights, default=1),
        calls,
        str(given.get("tool_call_id", "")),
        str(given.get("name", "")),
        next(iter(thoughts), ""),
    )


def _weight(value: Any, name: str) -> int:
    if value not in (0, 1):
        raise NotThisFormat(f"{name} must be 0 or 1")
    return int(value)
