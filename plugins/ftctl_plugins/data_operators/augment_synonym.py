"""``augment-synonym``: replace words of questions by a lexicon."""

import random
import re
from functools import cached_property

from ftctl.domain import Example
from ftctl.domain.codec import digest
from ftctl.plugin import option, options
from ftctl.ports import DataOperatorError, DataSourceError
from ftctl_adapters.records.line_reader import read_lines
from ftctl_adapters.records.locations import Place, find_places
from ftctl_plugins.data_operators.derived_rows import SEED_HELP, SHARE_HELP, Augmentation, map_questions

_ASCII = re.compile(r"[\x00-\x7f]+")


@options
class AugmentSynonymOptions:
    """Options of `AugmentSynonym`."""

    lexicon: str = option(help="A file with a word and its synonyms a line, divided by tabulators.", location=True)
    share: float = option(0.1, help=SHARE_HELP, gt=0, le=1)
    rate: float = option(0.3, help="Share of the known words that are replaced.", gt=0, le=1)
    per_row: int = option(1, help="Number of rows made of one.", ge=1, le=8)
    seed: int = option(1, help=SEED_HELP, ge=0)


class AugmentSynonym(Augmentation):
    """Replaces whole words, or any occurrence in scripts without spaces; answers stay."""

    def __init__(self, options: AugmentSynonymOptions) -> None:
        super().__init__(options.share, options.seed, options.per_row)
        self._options = options

    def fingerprint(self) -> str:
        return digest(self._place.state())

    @cached_property
    def _place(self) -> Place:
        try:
            return find_places(self._options.lexicon)[0]
        except DataSourceError as error:
            step = "check data_steps[…].lexicon"
            raise DataOperatorError(f"augment-synonym: {error.what}", next_step=step) from error

    @cached_property
    def _words(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for line in read_lines(self._place):
            word, *others = [part.strip() for part in (line.data or b"").decode("utf-8", "replace").split("\t")]
            found.setdefault(word.casefold(), []).extend(other for other in others if other)
        words = {word: others for word, others in found.items() if word and others}
        if not words:
            raise DataOperatorError(f"augment-synonym: {self._place.name} has no word with a synonym",
                                    next_step="a word and its synonyms a line, divided by tabulators")  # fmt: skip
        return words

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        longest = sorted(self._words, key=len, reverse=True)
        parts = [rf"(?<!\w){re.escape(w)}(?!\w)" if _ASCII.fullmatch(w) else re.escape(w) for w in longest]
        return re.compile("|".join(parts), re.IGNORECASE)

    def variant(self, row: Example, draw: random.Random, place: int) -> Example | None:
        def replaced(found: re.Match[str]) -> str:
            word = found.group()
            if draw.random() >= self._options.rate:
                return word
            other = draw.choice(self._words[word.casefold()])
            return other[0].upper() + other[1:] if word[0].isupper() else other

        return map_questions(row, lambda text: self._pattern.sub(replaced, text))
