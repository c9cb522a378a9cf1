"""Add typing, scanning and pasting errors to texts, character by character."""

import random
from collections.abc import Callable

KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
MISREAD = {"o": "0", "l": "1", "i": "l", "s": "5", "b": "6", "m": "rn", "0": "o", "1": "l", "5": "s"}
ALIKE = {"a": "\u0430", "c": "\u0441", "e": "\u0435", "o": "\u043e", "p": "\u0440", "x": "\u0445", "y": "\u0443"}
"""Latin letters and the Cyrillic ones that look the same."""

Noise = Callable[[str, random.Random], str]


def touched(text: str, noise: Noise, draw: random.Random, rate: float) -> str:
    """Return the text with each character changed at this probability."""
    return "".join(noise(character, draw) if draw.random() < rate else character for character in text)


def _typo(character: str, draw: random.Random) -> str:
    row = next((keys for keys in KEYS if character.lower() in keys), None)
    if row is None:
        return character
    place = row.index(character.lower())
    near = row[max(0, place - 1) : place] + row[place + 1 : place + 2]
    return draw.choice(("", character * 2, draw.choice(near)))


def _spacing(character: str, draw: random.Random) -> str:
    return draw.choice(("", "  ")) if character == " " else character


NOISES: dict[str, Noise] = {
    "typo": _typo,
    "case": lambda character, draw: character.swapcase(),
    "spacing": _spacing,
    "ocr": lambda character, draw: MISREAD.get(character, character),
    "homoglyph": lambda character, draw: ALIKE.get(character, character),
}
