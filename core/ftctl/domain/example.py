"""A training example in canonical form, and a rejected row."""

import hashlib
import json
from typing import Any, Literal

from attrs import field, frozen

from ftctl.domain.codec import canonical
from ftctl.domain.tool_call import ToolCall

Role = Literal["system", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")


@frozen
class Message:
    """A turn. ``weight`` 0 keeps an assistant turn in the context without training it.

    An assistant turn may call tools and have ``reasoning`` before its content. A tool's turn names the call it answers.
    """

    role: Role
    content: str
    weight: int = 1
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""
    name: str = ""
    reasoning: str = ""

    @property
    def said(self) -> str:
        """Return all that the turn says as one text: reasoning, content, and calls as JSON lines."""
        calls = (
            json.dumps({"name": call.name, "arguments": call.object}, ensure_ascii=False) for call in self.tool_calls
        )
        return "\n".join(part for part in (self.reasoning, self.content, *calls) if part)

    @property
    def more(self) -> dict[str, Any]:
        """Return what the turn has beside role, content and weight, as OpenAI's API calls it."""
        found = {
            "tool_calls": [call.to_openai(as_text=False) for call in self.tool_calls],
            "tool_call_id": self.tool_call_id,
            "name": self.name,
            "reasoning_content": self.reasoning,
        }
        return {key: value for key, value in found.items() if value}

    def to_openai(self) -> dict[str, Any]:
        """Return the turn as OpenAI's API has it; arguments of calls are JSON text."""
        calls = [call.to_openai(as_text=True) for call in self.tool_calls]
        return {"role": self.role, "content": self.content} | self.more | ({"tool_calls": calls} if calls else {})

    @property
    def identity(self) -> list[Any]:
        """Return role and content, and what else there is: what a turn is known by."""
        return [self.role, self.content, *([self.more] if self.more else [])]


@frozen
class Prompt:
    """The turns so far, and the tools that the model may call.

    An answer that has ``begun`` already is gone on with, and what comes after is told; whether with a blank that stands
    first depends on the tokenizer.
    """

    messages: tuple[Message, ...]
    tools: tuple[dict[str, Any], ...] = ()
    begun: str = ""

    @property
    def question(self) -> str:
        """Return the last turn's text."""
        return self.messages[-1].content if self.messages else ""


@frozen
class Example:
    """Either a conversation (``messages``) or raw ``text``; ``where`` is its source position (``file:line``).

    ``rejected`` are turns that would be worse than the last one: together they are a preference pair.

    Examples with one ``group`` never stand in two splits. ``parents`` are the places of those it was made of, where it
    was not read but made. ``byte`` is where the row begins in its file, counted from
    the file's first byte, where that is known; it is no part of the row.
    """

    where: str
    messages: tuple[Message, ...] = ()
    text: str = ""
    rejected: tuple[Message, ...] = ()
    group: str = ""
    tools: list[dict[str, Any]] = field(factory=list)
    metadata: dict[str, Any] = field(factory=dict)
    parents: tuple[str, ...] = ()
    byte: int | None = field(default=None, eq=False)
    open: bool = False
    """The last answer was cut off: the token that would end it is not scored. Of rows of a data set it never is."""

    @property
    def content_digest(self) -> str:
        """Return 32 hexadecimal digits of what would be trained; position, group and metadata do not count."""
        turns = [[m.role, m.content, m.weight, *m.identity[2:]] for m in self.messages]
        worse = [m.identity for m in self.rejected]
        return hashlib.sha256(canonical([turns, self.text, self.tools, *worse])).hexdigest()[:32]

    @property
    def prompt(self) -> Prompt:
        """Return the turns before the last answer, with the tools of the conversation."""
        return Prompt(self.messages[:-1], tuple(self.tools))

    @property
    def answer(self) -> str:
        """Return the last turn's text, which the model is asked for; calls of tools as JSON lines."""
        if not self.messages:
            return self.text
        last = self.messages[-1]
        return last.said if last.tool_calls else last.content

    def to_row(self) -> dict[str, Any]:
        """Return the canonical JSON object of a row, with ``where`` and ``group`` beside it."""
        row: dict[str, Any] = {"where": self.where}
        if self.messages:
            row["messages"] = [_turn(m) for m in self.messages]
        else:
            row["text"] = self.text
        if self.rejected:
            row["rejected"] = [_turn(m) for m in self.rejected]
        optional = {
            "tools": self.tools, "group": self.group, "metadata": self.metadata, "parents": list(self.parents)
        }  # fmt: skip
        return row | {key: value for key, value in optional.items() if value}

    @classmethod
    def from_row(cls, row: dict[str, Any]) -> "Example":
        """Return the example that `to_row` wrote."""
        messages = tuple(_message(m) for m in row.get("messages", ()))
        return cls(
            where=row["where"],
            messages=messages,
            text=row.get("text", ""),
            rejected=tuple(_message(m) for m in row.get("rejected", ())),
            group=row.get("group", ""),
            tools=row.get("tools", []),
            metadata=row.get("metadata", {}),
            parents=tuple(row.get("parents", ())),
        )


def _turn(message: Message) -> dict[str, Any]:
    turn: dict[str, Any] = {"role": message.role, "content": message.content, **message.more}
    return turn if message.weight == 1 else turn | {"weight": message.weight}


def _message(turn: dict[str, Any]) -> Message:
    functions = [(one["function"], one.get("id", "")) for one in turn.get("tool_calls", ())]
    calls = tuple(ToolCall.of(function["name"], function["arguments"], call) for function, call in functions)
    return Message(
        turn["role"],
        turn["content"],
        turn.get("weight", 1),
        calls,
        turn.get("tool_call_id", ""),
        turn.get("name", ""),
        turn.get("reasoning_content", ""),
    )


@frozen
class Rejection:
    """A row that cannot be used: its place, the reason, and the beginning of its text."""

    where: str
    reason: str
    excerpt: str = ""
    byte: int | None = None
