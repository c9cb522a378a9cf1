"""A call of a tool, as an assistant turn makes it."""

import json
from typing import Any

from attrs import frozen


@frozen
class ToolCall:
    """A function's name and its ``arguments``, JSON text of an object in canonical form.

    On the wire arguments are JSON text (OpenAI) or an object (most chat templates); both are made from this.
    """

    name: str
    arguments: str = "{}"
    id: str = ""

    @classmethod
    def of(cls, name: str, arguments: dict[str, Any], id: str = "") -> "ToolCall":  # OpenAI's name
        """Return the call with its arguments in canonical form."""
        return cls(name, json.dumps(arguments, ensure_ascii=False, sort_keys=False), id)

    @property
    def object(self) -> dict[str, Any]:
        """Return the arguments as an object."""
        found: dict[str, Any] = json.loads(self.arguments)
        return found

    def to_openai(self, *, as_text: bool) -> dict[str, Any]:
        """Return the call as OpenAI's API has it, its arguments as JSON text or as an object."""
        function = {"name": self.name, "arguments": self.arguments if as_text else self.object}
        return ({"id": self.id} if self.id else {}) | {"type": "function", "function": function}
