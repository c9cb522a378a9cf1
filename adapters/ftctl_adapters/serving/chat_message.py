"""A message of a chat request in OpenAI's schema."""

from typing import Any

from pydantic import BaseModel

from ftctl.domain.example import Message, Role
from ftctl_adapters.records.formats import NotThisFormat
from ftctl_adapters.records.formats.calls import read_calls


class ChatMessage(BaseModel):
    """A message of a chat request."""

    role: Role
    content: str | list[dict[str, Any]] | None = None
    tool_calls: list[dict[str, Any]] | None = None
    tool_call_id: str = ""
    name: str = ""
    reasoning_content: str = ""

    @property
    def message(self) -> Message:
        """Return the turn as chat templates are given it.

        Raises:
            ValueError: a part is no text, or a call has no name or arguments.
        """
        try:
            calls = read_calls({"tool_calls": self.tool_calls or []}, "messages: tool_calls")
        except NotThisFormat as error:
            raise ValueError(str(error)) from error
        return Message(self.role, self.text, 1, calls, self.tool_call_id, self.name, self.reasoning_content)

    @property
    def text(self) -> str:
        """Return the text of all parts.

        Raises:
            ValueError: a part is no text.
        """
        if isinstance(self.content, list):
            if any(part.get("type") != "text" for part in self.content):
                raise ValueError("messages: only parts of type text can be read")
            return "".join(str(part.get("text", "")) for part in self.content)
        return self.content or ""
