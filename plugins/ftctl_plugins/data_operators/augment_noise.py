"""``augment-noise``: add typing, scanning and pasting errors to questions."""

import random

from ftctl.domain import Example
from ftctl.plugin import option, options
from ftctl_adapters.records.noise import NOISES, touched
from ftctl_plugins.data_operators.derived_rows import SEED_HELP, SHARE_HELP, Augmentation, map_questions


@options
class AugmentNoiseOptions:
    """Options of `AugmentNoise`."""

    share: float = option(0.1, help=SHARE_HELP, gt=0, le=1)
    kinds: tuple[str, ...] = option(
        ("typo", "case", "spacing", "ocr"), help="Kinds of noise; each row draws one.",
        choices=("typo", "case", "spacing", "ocr", "homoglyph"),
    )  # fmt: skip
    rate: float = option(0.05, help="Share of the characters that are touched.", gt=0, le=0.5)
    per_row: int = option(1, help="Number of rows made of one.", ge=1, le=8)
    seed: int = option(1, help=SEED_HELP, ge=0)


class AugmentNoise(Augmentation):
    """Changes questions only."""

    def __init__(self, options: AugmentNoiseOptions) -> None:
        super().__init__(options.share, options.seed, options.per_row)
        self._options = options

    def variant(self, row: Example, draw: random.Random, place: int) -> Example | None:
        noise = NOISES[draw.choice(self._options.kinds)]
        return map_questions(row, lambda text: touched(text, noise, draw, self._options.rate))
