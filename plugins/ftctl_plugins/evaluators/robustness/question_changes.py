"""Perturbations of a question: typos, OCR noise, other characters, other words."""

import random
import re
from collections.abc import Callable
from functools import cache
from typing import Any

from ftctl_adapters.records.noise import NOISES, touched

FILLERS = {"en": ("Well, ", "Please tell me: ", "Hi! "), "zh": ("那个,", "请告诉我:", "你好!")}
FORMS = {
    "en": (
        "I would like to know: {}",
        "Could you answer this for me? {}",
        "My question is this: {}",
        "{} That is what I am asking.",
        'Somebody asked me "{}". What should I say?',
        "Here is a request: {} Please answer it.",
        "I have been wondering about this: {}",
        "{} Thank you in advance.",
        "Answer the following. {}",
        "One more thing: {}",
    ),
    "zh": (
        "我想知道:{}",
        "能帮我回答一下吗?{}",
        "我的问题是:{}",
        "{}这就是我想问的。",
        "有人问我“{}”,我该怎么说?",
        "有一个请求:{}请回答。",
        "我一直在想这个:{}",
        "{}先谢谢了。",
        "请回答下面的问题。{}",
        "还有一件事:{}",
    ),
}
"""The same question in other forms; nothing of it is left out, and nothing is added to what it asks."""

Change = Callable[[str, random.Random, float], str]


def _noise(kind: str) -> Change:
    return lambda text, draw, rate: touched(text, NOISES[kind], draw, rate)


def _swap(text: str, draw: random.Random, rate: float) -> str:
    """Swap neighbouring letters."""
    letters = list(text)
    for place in range(len(letters) - 1):
        if letters[place].isalpha() and letters[place + 1].isalpha() and draw.random() < rate:
            letters[place], letters[place + 1] = letters[place + 1], letters[place]
    return "".join(letters)


def _language(text: str) -> str:
    return "zh" if any("\u4e00" <= letter <= "\u9fff" for letter in text) else "en"


def _filler(text: str, draw: random.Random) -> str:
    return draw.choice(FILLERS[_language(text)]) + text


def _form(text: str, draw: random.Random) -> str:
    return draw.choice(FORMS[_language(text)]).format(text)


def _other_characters(text: str) -> str:
    """Convert between simplified and traditional Chinese."""
    if _language(text) != "zh":
        return text
    written = str(_converter("s2t").convert(text))
    return written if written != text else str(_converter("t2s").convert(text))


@cache
def _converter(way: str) -> Any:
    from opencc import OpenCC

    return OpenCC(way)


CHANGES: dict[str, Change] = {
    **{kind: _noise(kind) for kind in NOISES},
    "swap": _swap,
    "filler": lambda text, draw, rate: _filler(text, draw),
    "paraphrase": lambda text, draw, rate: _form(text, draw),
    "traditional": lambda text, draw, rate: _other_characters(text),
}
"""By kind: a text, changed at about this share of its characters where a share makes sense."""

PIECES = re.compile(r"[\u4e00-\u9fff]{1,2}|[^\s\u4e00-\u9fff]+")
"""Words, and pairs of characters that are written without spaces."""


def one_word(text: str, kinds: tuple[str, ...], draw: random.Random) -> str:
    """Return the text with one word changed in one way; unchanged if impossible."""
    words = list(PIECES.finditer(text))
    if not words:
        return text
    word = draw.choice(words)
    for kind in draw.sample(kinds, len(kinds)):
        changed = CHANGES[kind](word.group(), draw, 1.0)
        if changed != word.group():
            return text[: word.start()] + changed + text[word.end() :]
    return text
