"""Exact match and token F1 as SQuAD defines them. Rajpurkar et al., 2016."""

import re
import string
from collections import Counter

_PUNCTUATION = re.compile(f"[{re.escape(string.punctuation)}]")
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_TOKEN = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\s\u3040-\u30ff\u3400-\u9fff]+")


def normalise(text: str) -> str:
    """Return the text in lower case, without punctuation and articles, blanks collapsed."""
    return " ".join(_ARTICLES.sub(" ", _PUNCTUATION.sub("", text.lower())).split())


def exact_match(answer: str, expected: str) -> float:
    """Return 1.0 if both are equal after normalisation, else 0.0."""
    return float(normalise(answer) == normalise(expected))


def token_f1(answer: str, expected: str) -> float:
    """Return the harmonic mean of token precision and recall; a Chinese character is a token."""
    found, wanted = _TOKEN.findall(normalise(answer)), _TOKEN.findall(normalise(expected))
    if not found or not wanted:
        return float(found == wanted)
    common = (Counter(found) & Counter(wanted)).total()
    return 2 * common / (len(found) + len(wanted))
