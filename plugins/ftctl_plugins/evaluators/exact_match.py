"""Exact match and token F1 after SQuAD (Rajpurkar et al., 2016), where what is left out distinguishes nothing.

SQuAD's own normalisation makes -5 of 5, 314 of 3.14, C of C++ and C#, and nothing of "A". Here signs and points of
numbers and symbols stay, and a text of which nothing would remain stays as it is.
"""

import re
import unicodedata
from collections import Counter

from ftctl_plugins.evaluators.words import tokens

SYMBOLS = frozenset("#%&@*/\\")
"""Signs that Unicode calls punctuation, and that distinguish answers."""
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NUMBER = re.compile(r"(?<![^\W_])[-+\u2212]?\d+(?:[.,:]\d+)*")


def normalise(text: str) -> str:
    """Return the text in lower case, without punctuation and articles, blanks collapsed; composed (NFC)."""
    lowered = unicodedata.normalize("NFC", text).lower()
    plain = " ".join(_without_punctuation(lowered).split())
    return " ".join(_ARTICLES.sub(" ", plain).split()) or plain or " ".join(lowered.split())


def _without_punctuation(text: str) -> str:
    """Return the text without punctuation, but for signs and points of numbers."""
    parts, end = [], 0
    for number in _NUMBER.finditer(text):
        parts += [_letters(text[end : number.start()]), number.group().replace("\u2212", "-")]
        end = number.end()
    return "".join([*parts, _letters(text[end:])])


def _letters(text: str) -> str:
    return "".join(one for one in text if one in SYMBOLS or not unicodedata.category(one).startswith("P"))


def exact_match(answer: str, expected: str) -> float:
    """Return 1.0 if both are equal after normalisation, else 0.0."""
    return float(normalise(answer) == normalise(expected))


def token_f1(answer: str, expected: str) -> float:
    """Return the harmonic mean of token precision and recall; in scripts without spaces a character is a token."""
    return _overlap(tokens(normalise(answer)), tokens(normalise(expected)))


def token_f1_verbatim(answer: str, expected: str) -> float:
    """Return the same of the texts as they are written."""
    return _overlap(tokens(answer), tokens(expected))


def _overlap(found: list[str], wanted: list[str]) -> float:
    if not found or not wanted:
        return float(found == wanted)
    common = (Counter(found) & Counter(wanted)).total()
    return 2 * common / (len(found) + len(wanted))
