"""Read a JSON object of a model's folder so that every reader understands it in the same way."""

import json
from typing import Any

from ftctl.errors import ModelUnsafe


def strict_object(data: bytes | str, where: str) -> dict[str, Any]:
    """Return the object.

    Args:
        data: UTF-8.
        where: file and part of it, for messages.

    Raises:
        ModelUnsafe: it is no JSON object, or a key stands in it twice, of which readers take the first or the last.
    """
    try:
        found = json.loads(data, object_pairs_hook=_once)
    except _Twice as error:
        raise ModelUnsafe(f"{where}: the key {error} stands there twice", next_step="get the file again") from None
    except (ValueError, RecursionError) as error:
        raise ModelUnsafe(f"{where}: is not JSON: {error}", next_step="get the file again") from None
    if not isinstance(found, dict):
        raise ModelUnsafe(f"{where}: must be a JSON object")
    return found


class _Twice(Exception):
    """Raised for a key that stands in an object twice."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        raise _Twice(repr(next(key for key, _ in pairs if key in seen or seen.add(key)))[:100])  # type: ignore[func-returns-value]
    return found
