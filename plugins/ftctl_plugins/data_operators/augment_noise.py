"""``augment-noise``: questions as people mistype, scan and paste them."""

import random
from collections.abc import Callable

from ftctl.domain import Example
from ftctl.plugin import option, options
from ftctl_plugins.data_operators.derived import SEED_HELP, SHARE_HELP, Augmentation, map_questions

KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
MISREAD = {"o": "0", "l": "1", "i": "l", "s": "5", "b": "6", "m": "rn", "0": "o", "1": "l", "5": "s"}
ALIKE = {"a": "\u0430", "c": "\u0441", "e": "\u0435", "o": "\u043e", "p": "\u0440", "x": "\u0445", "y": "\u0443"}
"""Latin letters and the Cyrillic ones that look the same."""


@options
class AugmentNoiseOptions:
    share: float = option(0.1, help=SHARE_HELP, gt=0, le=1)
    kinds: tuple[str, ...] = option(
        ("typo", "case", "spacing", "ocr"), help="Which kinds of noise; each row draws one.",
        choices=("typo", "case", "spacing", "ocr", "homoglyph"),
    )  # fmt: skip
    rate: float = option(0.05, help="Share of the characters that are touched.", gt=0, le=0.5)
    per_row: int = option(1, help="How many rows are made of one.", ge=1, le=8)
    seed: int = option(1, help=SEED_HELP, ge=0)


class AugmentNoise(Augmentation):
    """Answers stay as they are."""

    def __init__(self, options: AugmentNoiseOptions) -> None:
        super().__init__(options.share, options.seed, options.per_row)
        self._options = options

    def variant(self, row: Example, draw: random.Random, place: int) -> Example | None:
        noise = NOISES[draw.choice(self._options.kinds)]
        return map_questions(row, lambda text: _touched(text, noise, draw, self._options.rate))


Noise = Callable[[str, random.Random], str]


def _touched(text: str, noise: Noise, draw: random.Random, rate: float) -> str:
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
