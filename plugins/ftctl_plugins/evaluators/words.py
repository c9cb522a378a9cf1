"""Split text into words, for metrics over many scripts.

Texts are composed (NFC) first, and combining marks belong to the character before them. In scripts without spaces
between words (Han, kana, Thai, Lao, Khmer, Burmese, Tibetan) each character is a word.
"""

import re
import sys
import unicodedata
from functools import cache

UNSPACED = (
    "\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
)
"""Scripts that put no spaces between words, as ranges of a character class."""


def words(text: str) -> list[str]:
    """Return the words in lower case; a text of symbols alone is divided at its spaces."""
    composed = unicodedata.normalize("NFC", text.lower())
    return _patterns()[0].findall(composed) or composed.split()


def tokens(text: str) -> list[str]:
    """Return what spaces divide, in scripts without them character by character."""
    return _patterns()[1].findall(unicodedata.normalize("NFC", text))


def is_unspaced(text: str) -> bool:
    """Return True if a character of a script without spaces occurs."""
    return bool(re.search(f"[{UNSPACED}]", text))


@cache
def _patterns() -> tuple[re.Pattern[str], re.Pattern[str]]:
    marks = _class_of_marks()
    one = f"[{UNSPACED}][{marks}]*"
    # a letter or digit, but none of those scripts
    letter = rf"(?:(?![{UNSPACED}])[^\W_])"
    return re.compile(f"{one}|{letter}(?:{letter}|[{marks}])*"), re.compile(rf"{one}|[^\s{UNSPACED}]+")


def _class_of_marks() -> str:
    """Return all combining marks as ranges of a character class."""
    ranges: list[list[int]] = []
    for code in range(0x300, sys.maxunicode + 1):
        if unicodedata.category(chr(code)).startswith("M"):
            if ranges and ranges[-1][1] == code - 1:
                ranges[-1][1] = code
            else:
                ranges.append([code, code])
        elif code == 0x1FFFF:  # further planes have variation selectors alone
            ranges.append([0xE0100, 0xE01EF])
            break
    return "".join(f"{chr(low)}-{chr(high)}" for low, high in ranges)
