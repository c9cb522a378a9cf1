"""A training example in canonical form, and a rejected row."""

import hashlib
from typing import Any, Literal

from attrs import field, frozen

from ftctl.domain.codec import canonical

Role = Literal["system", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = ("system", "user", "assistant", "tool")


@frozen
class Message:
    """A turn. ``weight`` 0 keeps an assistant turn in the context without training it."""

    role: Role
    content: str
    weight: int = 1


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
        turns = [[m.role, m.content, m.weight] for m in self.messages]
        worse = [[m.role, m.content] for m in self.rejected]
        return hashlib.sha256(canonical([turns, self.text, self.tools, *worse])).hexdigest()[:32]

    @property
    def prompt(self) -> Prompt:
        """Return the turns before the last answer, with the tools of the conversation."""
        return Prompt(self.messages[:-1], tuple(self.tools))

    @property
    def answer(self) -> str:
        """Return the last turn's text, which the model is asked for."""
        return self.messages[-1].content if self.messages else self.text

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
        messages = tuple(Message(m["role"], m["content"], m.get("weight", 1)) for m in row.get("messages", ()))
        return cls(
            where=row["where"],
            messages=messages,
            text=row.get("text", ""),
            rejected=tuple(Message(m["role"], m["content"]) for m in row.get("rejected", ())),
            group=row.get("group", ""),
            tools=row.get("tools", []),
            metadata=row.get("metadata", {}),
            parents=tuple(row.get("parents", ())),
        )


def _turn(message: Message) -> dict[str, Any]:
    turn: dict[str, Any] = {"role": message.role, "content": message.content}
    return turn if message.weight == 1 else turn | {"weight": message.weight}


@frozen
class Rejection:
    """A row that cannot be used: its place, the reason, and the beginning of its text."""

    where: str
    reason: str
    excerpt: str = ""
    byte: int | None = None
