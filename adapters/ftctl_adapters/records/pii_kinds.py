"""Kinds of personal data: patterns, and check digits that tell them from other numbers.

Edges are letters and digits of ASCII: between Chinese characters there is no word boundary.
"""

import datetime
import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator

from attrs import frozen

LEFT, RIGHT = r"(?<![0-9A-Za-z])", r"(?![0-9A-Za-z])"
PLATES = "\u4eac\u6d25\u6caa\u6e1d\u5180\u8c6b\u4e91\u8fbd\u9ed1\u6e58\u7696\u9c81\u65b0\u82cf\u6d59\u8d63\u9102\u6842\u7518\u664b\u8499\u9655\u5409\u95fd\u8d35\u7ca4\u9752\u85cf\u5ddd\u5b81\u743c"  # noqa: E501
"""The characters by which the provinces of China are written on number plates."""


def _always(found: str) -> bool:  # noqa: ARG001 - the form alone tells it
    return True


@frozen
class Kind:
    """Kind of personal data; ``holds`` validates a match of the pattern."""

    name: str
    pattern: re.Pattern[str]
    holds: Callable[[str], bool] = _always

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield the places [start, end) of values in the text, from left to right."""
        yield from (match.span() for match in self.pattern.finditer(text) if self.holds(match.group()))


@frozen
class Find:
    """A match: kind, value and place in the text."""

    kind: str
    start: int
    end: int


def finds(text: str, kinds: tuple[Kind, ...]) -> Iterator[Find]:
    """Return matches in the text from left to right; of overlapping ones, that of the first kind."""
    taken: list[Find] = []
    for kind in kinds:
        for start, end in kind.spans(text):
            if all(end <= one.start or start >= one.end for one in taken):
                taken.append(Find(kind.name, start, end))
    yield from sorted(taken, key=lambda one: one.start)


def replaced(text: str, found: Iterable[Find], instead: Callable[[Find], str]) -> str:
    """Return the text with each value replaced by ``instead``."""
    parts, last = [], 0
    for one in found:
        parts += [text[last : one.start], instead(one)]
        last = one.end
    return "".join(parts) + text[last:]


def masked(text: str, kinds: tuple[Kind, ...]) -> str:
    """Return the text with kinds in place of values: ``[EMAIL]``."""
    return replaced(text, finds(text, kinds), lambda one: label(one.kind))


def label(kind: str) -> str:
    """Return the placeholder of a masked value."""
    return f"[{kind.upper()}]"


def _digits(text: str) -> str:
    return re.sub(r"[ -]", "", text)


def _luhn(text: str) -> bool:
    from stdnum import luhn

    return bool(luhn.is_valid(_digits(text)))


def _card(text: str) -> bool:
    """Check the prefix and length of payment cards, ISO/IEC 7812."""
    number = _digits(text)
    issued = (
        (number[0] == "4" and len(number) in (13, 16, 19))
        or (number[:2] in ("51", "52", "53", "54", "55") and len(number) == 16)
        or (2221 <= int(number[:4]) <= 2720 and len(number) == 16)
        or (number[:2] in ("34", "37") and len(number) == 15)
        or (number[:2] in ("36", "38", "39") and len(number) == 14)
        or ("300" <= number[:3] <= "305" and len(number) == 14)
        or ((number[:4] == "6011" or number[:2] == "65") and len(number) == 16)
        or (number[:2] == "35" and len(number) == 16)
    )
    return issued and _luhn(number)


def _cn_id(text: str) -> bool:
    """Check digit and date only, since county codes change."""
    from stdnum.cn import ric

    try:
        datetime.date(int(text[6:10]), int(text[10:12]), int(text[12:14]))
    except ValueError:
        return False
    return bool(ric.calc_check_digit(text.upper()) == text[-1].upper())


def _uscc(text: str) -> bool:
    from stdnum.cn import uscc

    return bool(uscc.is_valid(text))


def _iban(text: str) -> bool:
    from stdnum import iban

    return bool(iban.is_valid(text, check_country=False))


def _phone(text: str) -> bool:
    import phonenumbers

    try:
        return bool(phonenumbers.is_valid_number(phonenumbers.parse(text, None)))
    except phonenumbers.NumberParseException:
        return False


def _ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _long_ip(text: str) -> bool:
    """Return False for ``::1`` and similar short addresses, which occur in every program."""
    return len(text) > 6 and _ip(text)


def _ssn(text: str) -> bool:
    area, group, serial = text.split("-")
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def _kind(name: str, pattern: str, holds: Callable[[str], bool] = _always) -> Kind:
    return Kind(name, re.compile(f"{LEFT}(?:{pattern}){RIGHT}"), holds)


NO_VERSION = "".join(f"(?<!{word}{sign})" for word in ("ersion", "elease", "uild") for sign in (" ", ": ", "="))
"""Behind these words, four numbers with points are no address; the first letter may be a capital."""

KINDS: tuple[Kind, ...] = (
    Kind("email", re.compile(
        rf"(?<![0-9A-Za-z._%+-])[0-9A-Za-z](?:[0-9A-Za-z._%+-]{{0,62}}[0-9A-Za-z_%+-])?@"
        rf"(?:[0-9A-Za-z](?:[0-9A-Za-z-]{{0,61}}[0-9A-Za-z])?\.)+[A-Za-z]{{2,24}}{RIGHT}")),
    Kind("secret", re.compile(
        r"(?<![0-9A-Za-z_-])(?:hf_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|AKIA[0-9A-Z]{16}"
        r"|xox[abprs]-[A-Za-z0-9-]{10,})"
        r"|-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----(?:[^-]{0,20000}-----END [A-Z ]{0,20}PRIVATE KEY-----)?")),
    _kind("cn_id", r"[1-9]\d{5}(?:19|20)\d{9}[\dXx]", _cn_id),
    _kind("cn_uscc", r"[1-9A-GY][1-9A-GN-Y]\d{6}[0-9A-HJ-NPQRTUWXY]{10}", _uscc),
    _kind("iban", r"[A-Z]{2}\d{2}(?: ?[0-9A-Z]{4}){2,7}(?: ?[0-9A-Z]{1,4})?", _iban),
    _kind("bank_card_cn", r"62\d{2}(?:[ -]?\d{4}){3}(?:[ -]?\d{1,3})?", _luhn),
    _kind("credit_card", r"[23456]\d{3}(?:[ -]?\d{4}){2}(?:[ -]?\d{1,7})?|3[47]\d{2}[ -]?\d{6}[ -]?\d{5}"
          r"|3[0689]\d{2}[ -]?\d{6}[ -]?\d{4}", _card),
    _kind("us_ssn", r"\d{3}-\d{2}-\d{4}", _ssn),
    _kind("ipv6", r"(?:[0-9A-Fa-f]{0,4}:){2,7}[0-9A-Fa-f]{0,4}", _long_ip),
    _kind("ipv4", rf"{NO_VERSION}(?:\d{{1,3}}\.){{3}}\d{{1,3}}", _ip),
    Kind("phone", re.compile(rf"(?<![0-9A-Za-z+])\+[1-9]\d{{0,2}}(?:[ .()/-]{{0,2}}\d){{6,12}}{RIGHT}"), _phone),
    _kind("cn_mobile", r"1[3-9]\d(?:[ -]?\d{4}){2}"),
    Kind("plate_cn", re.compile(f"[{PLATES}][A-HJ-NP-Z][\u00b7 ]?[0-9A-HJ-NP-Z]{{5,6}}{RIGHT}")),
)  # fmt: skip
"""In the order in which they have a value that several would take."""
