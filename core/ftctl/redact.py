"""Remove secrets, known or recognised by their form, from events, messages and reports."""

import os
import re
from collections.abc import Mapping
from typing import Any

HIDDEN = "***"
SHORTEST = 8
"""Characters; shorter values of the environment are words such as ``true``."""

_NAMES = re.compile(r"(?i)token|secret|passw|api_?key|access_?key|credential")
_SHAPES = re.compile(
    r"\bhf_[A-Za-z0-9]{16,}|\bsk-[A-Za-z0-9_-]{16,}|\bgh[pousr]_[A-Za-z0-9]{20,}|\bAKIA[0-9A-Z]{16}\b"
    r"|\bxox[abprs]-[A-Za-z0-9-]{10,}|(?<=://)[^/\s:]*:[^/\s]+(?=@)"
)
"""Keys of Hugging Face, OpenAI and its kin, GitHub, AWS and Slack; name and password in an address."""


def redacted(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return the text with ``***`` in place of every secret.

    Args:
        text: what somebody will read.
        environment: what it calls a token, key, secret or password is known to be one.
    """
    values = [value for name, value in environment.items() if _NAMES.search(name)]
    known = {line.strip() for value in values for line in (value, *value.splitlines())}
    for secret in sorted((one for one in known if len(one) >= SHORTEST), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    return _SHAPES.sub(HIDDEN, text)


def redacted_value(value: Any, environment: Mapping[str, str] = os.environ) -> Any:
    """Return a copy of a JSON value with all texts redacted."""
    if isinstance(value, str):
        return redacted(value, environment)
    if isinstance(value, Mapping):
        return {key: redacted_value(item, environment) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redacted_value(item, environment) for item in value]
    return value
