"""Personal data in text: kinds, how they are written, and the check digits by which chance is told apart."""

import re
from collections.abc import Callable

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"


def luhn(text: str) -> bool:
    """Whether the digits have a right check digit, by ISO/IEC 7812-1; blanks and hyphens do not count."""
    digits = [int(letter) for letter in text if letter.isdecimal()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def iban(text: str) -> bool:
    """Whether the number has right check digits, by ISO 13616: what is moved and spelt out is 1 modulo 97."""
    plain = text.replace(" ", "").upper()
    return int("".join(str(int(letter, 36)) for letter in plain[4:] + plain[:4])) % 97 == 1


def cn_id(text: str) -> bool:
    """Whether a Chinese identity number has a right last letter, by GB 11643-1999 (ISO 7064, mod 11-2)."""
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, text[:17], strict=True))
    return _CHECKS[total % 11] == text[17].upper()


def _always(text: str) -> bool:
    return bool(text)


KINDS: dict[str, tuple[re.Pattern[str], Callable[[str], bool]]] = {
    "email": (re.compile(r"[A-Za-z0-9][\w.+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}"), _always),
    "phone": (re.compile(r"(?<![\d+])(?:\+\d{1,3}[ -]?\d(?:[ -]?\d){6,11}|1[3-9]\d{9})(?!\d)"), _always),
    "card": (re.compile(r"(?<!\d)\d(?:[ -]?\d){12,18}(?!\d)"), luhn),
    "iban": (re.compile(r"(?<![A-Za-z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?![A-Za-z0-9])"), iban),
    "cn-id": (re.compile(r"(?<!\d)\d{6}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])\d{3}[\dXx](?!\d)"), cn_id),
}
"""Every bound is finite, so that no text takes long. Letters of other scripts may stand beside a number."""


def found_pii(text: str, kinds: tuple[str, ...]) -> list[str]:
    """What was found, shortened: the kind and its first two letters."""
    return [
        f"{kind}:{match[0][:2]}…"
        for kind in kinds
        for match in KINDS[kind][0].finditer(text)
        if KINDS[kind][1](match[0])
    ]
