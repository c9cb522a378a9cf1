"""Convert domain values to and from JSON, and to the canonical bytes of keys and digests."""

import hashlib
import json
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from cattrs.preconf.json import JsonConverter

T = TypeVar("T")


@cache
def _converter() -> "JsonConverter":
    from cattrs.preconf.json import make_converter

    return make_converter(omit_if_default=False)


def to_plain(value: Any) -> Any:
    """Return the value as JSON types."""
    return _converter().unstructure(value)


def from_plain(document: Any, kind: type[T]) -> T:
    """Return the domain value that `to_plain` wrote.

    Raises:
        cattrs.BaseValidationError: the document has another shape.
    """
    return _converter().structure(document, kind)


def canonical(value: Any) -> bytes:
    """Return UTF-8 JSON with sorted keys and no blanks: equal values give equal bytes."""
    return json.dumps(to_plain(value), sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


def digest(value: Any) -> str:
    """Return the SHA-256 of the canonical bytes, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical(value)).hexdigest()
