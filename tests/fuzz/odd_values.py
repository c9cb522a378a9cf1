"""Values that people and programs put where others are meant."""

import random
from typing import Any

ODD: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 3, 2**31, 2**63, 2**64, -(2**70), 10**400),
    *(0.0, -0.5, 1e-300, 1e308, float("inf"), float("-inf"), float("nan")),
    *("", " ", "\n", "none", "null", "true", "1", "-1", "1e5", "0x10", "NaN", "~", "x" * 5000),
    *("../..", "/", "/dev/null", "/nonexistent/file", "~", "~nobody/x", "a\\b", "C:\\x", "file:///etc/passwd"),
    *("\u202e", "\u0000", "é", "e\u0301", "\U0001f600", "\ud800", "日本", "a b", "a=b", "#", "{{ x }}", "%s", "$HOME"),
    *([], {}, [[]], [None], [1, "a"], {"use": None}, {"use": "lora"}, {"use": "nosuch"}, {"a": {"b": {"c": []}}}),
    *([{"use": "jsonl"}], [{}], {"": ""}, {"use": "jsonl", "path": 1}, {"use": ["x"]}, {"use": ""}),
)


def odd(draw: random.Random) -> Any:
    """Return one of them, sometimes within another."""
    value = draw.choice(ODD)
    if draw.random() < 0.1:
        return [value, draw.choice(ODD)]
    return {str(draw.choice(ODD)): value} if draw.random() < 0.1 else value


def misspelt(draw: random.Random, word: str) -> str:
    """Return a word with a letter lost, doubled, exchanged or in the other case."""
    place = draw.randrange(len(word)) if word else 0
    ways = (
        word[:place] + word[place + 1 :],
        word[:place] + word[place : place + 1] * 2 + word[place + 1 :],
        word[:place] + "_" + word[place:],
        word.upper(),
        word.replace("_", "-"),
        word + "s",
        "",
    )
    return draw.choice(ways)
