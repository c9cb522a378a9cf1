"""Parse JSON strictly: refuse what two readers could understand differently."""

import datetime
import json
import math
import re
import sys
from decimal import Decimal
from typing import Any, NoReturn

from attrs import frozen

MAX_DEPTH = 64
MAX_DIGITS = 400
_OPENERS = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|$)|[\[{]|[\]}]', re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ESCAPED = re.compile(rb"\\(?:u(?:00[01]|007[fF]|[dD][89a-fA-F])|[bf])")
"""What can spell a surrogate or a control character."""

_SURROGATE = re.compile("[\ud800-\udfff]")


class NotStrict(Exception):
    """Raised if a text is not strict JSON; ``byte`` is the offset in the line where known."""

    def __init__(self, reason: str, byte: int | None = None) -> None:
        super().__init__(reason)
        self.reason, self.byte = reason, byte


def parse(line: bytes) -> Any:
    """Return the value of one JSON text.

    Raises:
        NotStrict: bad UTF-8, bad syntax, duplicate keys, NaN or an overflowing number, a lone surrogate, a control
            character, or more than `MAX_DEPTH` levels.
    """
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotStrict("invalid UTF-8", error.start) from None
    try:
        value = _value(text, line)
    except RecursionError:
        _check_depth(line)
        raise
    except json.JSONDecodeError as error:
        raise NotStrict(f"not JSON: {error.msg}", len(text[: error.pos].encode())) from None
    if b"\\" in line and _ESCAPED.search(line):
        _check_text(value)
    return value


def _value(text: str, line: bytes) -> Any:
    """Parse fast; on anything unusual the thorough decoder explains what."""
    try:
        value, end = _SCAN(text, 0)
    except StopIteration:
        _check_depth(line)
        return _THOROUGH.decode(text)
    # where there are as many quotes as its keys and texts need, no key stood there twice
    if end != len(text) or type(value) is not dict or _quotes(line) != 2 * _quoted(value, 1):
        _check_depth(line)
        return _THOROUGH.decode(text)
    return value


def _quotes(line: bytes) -> int:
    """Count quotes that begin or end a text; -1 if that takes a closer look."""
    if b"\\" not in line:
        return line.count(b'"')
    return -1 if b"\\\\" in line else line.count(b'"') - line.count(b'\\"')


def _quoted(value: Any, depth: int) -> int:
    """Count keys and texts in a list or object; negative if it is nested too deeply."""
    if depth > MAX_DEPTH:
        return -sys.maxsize
    found, items = (len(value), value.values()) if type(value) is dict else (0, value)
    for item in items:
        kind = type(item)
        if kind is str:
            found += 1
        elif kind is dict or kind is list:
            found += _quoted(item, depth + 1)
    return found


def _check_depth(line: bytes) -> None:
    if line.count(b"[") + line.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for match in _OPENERS.finditer(line):
        token = match.group()
        depth += 1 if token in (b"[", b"{") else -1 if token in (b"]", b"}") else 0
        if depth > MAX_DEPTH:
            raise NotStrict(f"too deep (limit {MAX_DEPTH})", match.start())


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise NotStrict(f"duplicate key {name[:80]!r}")
        found[name] = value
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise NotStrict(f"{name} is not JSON")


def _float(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise NotStrict(f"number out of range: {text[:24]}")
    return value


def _int(text: str) -> int:
    if len(text) > MAX_DIGITS:
        raise NotStrict(f"number of {len(text)} digits (limit {MAX_DIGITS})")
    return int(text)


_SCAN: Any = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_float, parse_int=_int).scan_once  # type: ignore[attr-defined]
_THOROUGH = json.JSONDecoder(
    parse_constant=_refuse_constant, parse_float=_float, parse_int=_int, object_pairs_hook=_object
)
"""It looks at the keys of every object, which takes several times as long."""


@frozen
class Unreadable:
    """A cell without a plain form, and why; it matters only if something uses it."""

    reason: str


def plain_or_unreadable(value: Any) -> Any:
    """Convert a table's value to plain JSON, or return why it has no such form."""
    try:
        return plain(value)
    except NotStrict as error:
        return Unreadable(error.reason)


def plain(value: Any) -> Any:
    """Convert a table's value to plain JSON: dates to ISO text, decimals to text.

    Raises:
        NotStrict: NaN, infinity, bytes, a control character, or another type that has no plain form.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise NotStrict(f"{value} is not JSON")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if value is None or isinstance(value, bool | int | float | str):
        _check_text(value)
        return value
    raise NotStrict(f"a cell of type {type(value).__name__} has no JSON form")


def _check_text(value: Any) -> None:
    """Refuse lone surrogates and control characters, which escapes can spell."""
    if isinstance(value, str):
        if _SURROGATE.search(value):
            raise NotStrict("lone surrogate (\\ud800–\\udfff)")
        found = _CONTROL.search(value)
        if found:
            raise NotStrict(f"control character U+{ord(found.group()):04X}")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_text(key)
            _check_text(item)
    elif isinstance(value, list):
        for item in value:
            _check_text(item)
