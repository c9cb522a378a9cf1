"""Rows of a JSON file that is no JSON Lines: an array, one object after another, or a list below one key."""

import json
import re
from collections.abc import Iterator

from ftctl_adapters.records.strict_json import NotStrict

_BLANKS = re.compile(r"[ \t\r\n]*")
_FINDER = json.JSONDecoder(strict=False)
"""Finds where a value ends; what is wrong within it is for the strict parser to say."""


CONTAINERS = ("data", "rows", "examples", "train", "records", "items", "instances")
"""Keys under which a file that is one object holds its rows."""


def pieces(data: bytes) -> Iterator[bytes]:
    """Yield the text of each row, so that a bad one costs itself alone.

    Args:
        data: an array of rows; rows one after another, over one or several lines each; or one object, which holds a
            list of rows below one of `CONTAINERS`, or is a row.

    Raises:
        NotStrict: the text ends within a value or between two, or is no UTF-8.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotStrict("invalid UTF-8", error.start) from None
    begin = _blank(text, 0)
    if text[begin : begin + 1] == "[":
        yield from _elements(text, begin)
        return
    found = list(_one_after_another(text, begin))
    inner = _list_within(text, found[0]) if len(found) == 1 else None
    if inner is not None:
        yield from _elements(text, inner)
        return
    for start, end in found:
        yield text[start:end].encode()


def _elements(text: str, begin: int) -> Iterator[bytes]:
    """Yield the elements of the array that begins here."""
    place = _blank(text, begin + 1)
    if text[place : place + 1] == "]":
        return
    while True:
        end = _end(text, place)
        yield text[place:end].encode()
        place = _blank(text, end)
        mark = text[place : place + 1]
        if mark == "]":
            return
        if mark != ",":
            raise _wrong(text, place, "Expecting ',' delimiter")
        place = _blank(text, place + 1)


def _one_after_another(text: str, place: int) -> Iterator[tuple[int, int]]:
    while place < len(text):
        end = _end(text, place)
        yield place, end
        place = _blank(text, end)


def _list_within(text: str, span: tuple[int, int]) -> int | None:
    """Return where the list below one of `CONTAINERS` begins; ``None`` if the object has none."""
    place = _blank(text, span[0] + 1)
    while text[place : place + 1] == '"':
        key, end = _FINDER.raw_decode(text, place)
        value = _blank(text, _blank(text, end) + 1)
        if key in CONTAINERS and text[value : value + 1] == "[":
            return value
        place = _blank(text, _end(text, value))
        if text[place : place + 1] != ",":
            return None
        place = _blank(text, place + 1)
    return None


def _blank(text: str, place: int) -> int:
    """Return where the blanks that begin here end."""
    found = _BLANKS.match(text, place)
    return found.end() if found else place


def _end(text: str, place: int) -> int:
    try:
        return _FINDER.raw_decode(text, place)[1]
    except RecursionError:
        raise NotStrict("too deep", len(text[:place].encode())) from None
    except json.JSONDecodeError as error:
        raise _wrong(text, error.pos, error.msg) from None


def _wrong(text: str, place: int, what: str) -> NotStrict:
    return NotStrict(f"not JSON: {what}", len(text[:place].encode()))
