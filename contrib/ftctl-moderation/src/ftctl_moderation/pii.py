"""Personal data in text: kinds, how they are written, and the check digits by which chance is told apart."""

import re
import string
from collections.abc import Callable

from attrs import frozen

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECKS = "10X98765432"
_CARD = re.compile(
    r"4\d{12}(?:\d{3}){0,2}|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"
    r"|3[47]\d{13}|3(?:0[0-5]|[68]\d)\d{11}|35\d{14}|6\d{15,18}",
    re.ASCII,
)
"""Visa, Mastercard, American Express, Diners Club, JCB, and all that begin with 6: UnionPay, Discover and others."""
_CN_ID = re.compile(r"\d{6}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])\d{3}[\dXx]", re.ASCII)


def luhn(text: str) -> bool:
    """Whether the digits have a right check digit, by ISO/IEC 7812-1; blanks and hyphens do not count."""
    digits = [int(letter) for letter in text if letter.isdecimal()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return len(set(digits)) > 1 and (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0


def card(text: str) -> bool:
    """Whether the digits are a payment card's: an issuer's first ones with its length, and a right check digit."""
    return bool(_CARD.fullmatch(re.sub(r"[ -]", "", text))) and luhn(text)


def iban(text: str) -> bool:
    """Whether the number has right check digits, by ISO 13616: what is moved and spelt out is 1 modulo 97."""
    plain = text.replace(" ", "").replace("-", "").upper()
    return int("".join(str(int(letter, 36)) for letter in plain[4:] + plain[:4])) % 97 == 1


def cn_id(text: str) -> bool:
    """Whether a Chinese identity number has a right last letter, by GB 11643-1999 (ISO 7064, mod 11-2)."""
    if not _CN_ID.fullmatch(text):
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, text[:17], strict=True))
    return _CHECKS[total % 11] == text[17].upper()


PATTERNS = {
    "email": re.compile(r"[A-Za-z0-9][\w.+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}"),
    "phone": re.compile(r"(?<![\d+])(?:\+\d{1,3}[ -]?\d(?:[ -]?\d){6,11}|1[3-9]\d{9})(?!\d)"),
}
"""What has no check digits. Every bound is finite, so that no text takes long."""


@frozen
class Numbered:
    """A kind with check digits: how it begins, which letters it has, how many, and when they are right."""

    begin: re.Pattern[str]
    letters: str
    fewest: int
    most: int
    right: Callable[[str], bool]

    def found(self, text: str) -> list[str]:
        """Each begins and ends where a group of letters does; the longest that is right counts."""
        matches, behind = [], 0
        for start in self.begin.finditer(text):
            ends = self._ends(text, start.start()) if start.start() >= behind else []
            match = next(
                (text[start.start() : end] for end in reversed(ends) if self.right(text[start.start() : end])), ""
            )
            if match:
                matches.append(match)
                behind = start.start() + len(match)
        return matches

    def _ends(self, text: str, start: int) -> list[int]:
        """Where it could end, between single blanks and hyphens."""
        ends, count, place = [], 0, start
        while place < len(text) and count < self.most:
            if text[place] in self.letters:
                count += 1
                inner = place + 1 < len(text) and text[place + 1] in self.letters
                ends += [] if inner or count < self.fewest else [place + 1]
            elif text[place] not in " -" or text[place - 1] in " -":
                break
            place += 1
        return ends


NUMBERED = {
    "card": Numbered(re.compile(r"(?<!\d)(?=\d)"), string.digits, 13, 19, card),
    "iban": Numbered(
        re.compile(r"(?<![A-Za-z0-9])(?=[A-Z]{2}\d{2})"), string.digits + string.ascii_uppercase, 15, 34, iban
    ),
    "cn-id": Numbered(re.compile(r"(?<!\d)(?=\d{17})"), string.digits + "Xx", 18, 18, cn_id),
}
KINDS = (*PATTERNS, *NUMBERED)
"""Letters of other scripts may stand beside a number."""


def found_pii(text: str, kinds: tuple[str, ...]) -> list[str]:
    """What was found, shortened: the kind and its first two letters."""
    found = {
        kind: [match[0] for match in pattern.finditer(text)] for kind, pattern in PATTERNS.items() if kind in kinds
    }
    found |= {kind: numbered.found(text) for kind, numbered in NUMBERED.items() if kind in kinds}
    return [f"{kind}:{match[:2]}…" for kind in kinds for match in found[kind]]
