"""Split text into words, for metrics over several scripts."""

import re

_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W_\u3040-\u30ff\u3400-\u9fff]+")


def words(text: str) -> list[str]:
    """Return the words in lower case; a CJK character is a word."""
    return _WORD.findall(text.lower())
