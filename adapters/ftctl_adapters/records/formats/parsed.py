"""Result of reading a row by a format."""

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from ftctl.domain.example import Message
from ftctl_adapters.records.strict_json import Unreadable


class NotThisFormat(Exception):
    """Raised if a row cannot become an example."""


@frozen
class Parsed:
    """Turns or raw text of a row, the turns of a worse answer, and the keys that they were read from."""

    messages: tuple[Message, ...] = ()
    text: str = ""
    rejected: tuple[Message, ...] = ()
    used: frozenset[str] = frozenset()


def has(row: Mapping[str, Any], *keys: str) -> bool:
    """Return True if all keys are present; null counts as absent, 0 and false do not."""
    return all(row.get(key) is not None for key in keys)


def text_of(value: Any, name: str) -> str:
    """Return a value that must be text.

    Raises:
        NotThisFormat: it is of another type.
    """
    if isinstance(value, Unreadable):
        raise NotThisFormat(f"{name}: {value.reason}")
    if not isinstance(value, str):
        raise NotThisFormat(f"{name} must be text, not {type(value).__name__}")
    return value
