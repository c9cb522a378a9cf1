"""``filter-quality``: drop texts that are hardly language. Gopher, Rae et al., 2021; C4, Raffel et al., 2020."""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise

from attrs import frozen

from ftctl.domain import Dropped, Example, Outcome
from ftctl.plugin import option, options
from ftctl.ports import RowOperator, StageContext
from ftctl_adapters.records.texts import answers, texts

WORD = re.compile(r"\S+")
CHINESE = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uac00-\ud7af]")
STOP_WORDS = frozenset(("the", "be", "to", "of", "and", "that", "have", "with"))
"""Of which Gopher wants two in an English text."""
BULLETS = ("-", "*", "•", "‣", "·")
ENDS = (".", "!", "?", '"', "'", ")", "\u201d", "\u2026", "\u3002", "\uff01", "\uff1f", "\u300d", "\u300f")


@options
class FilterQualityOptions:
    """Options of `FilterQuality`."""

    of: str = option("all", help="Texts to measure: all of a row, or answers.", choices=("all", "answers"))
    min_chars: int = option(1, help="Fewest characters.", ge=0)
    max_chars: int = option(1_000_000, help="Most characters.", ge=1)
    min_words: int = option(0, help="Fewest words; Gopher: 50. A Chinese, Japanese or Korean character is one.", ge=0)
    max_words: int = option(100_000, help="Most words; as Gopher.", ge=1)
    min_mean_word: float = option(1.5, help="Mean length of words; Gopher: 3. Not of Chinese text.", ge=0)
    max_mean_word: float = option(15.0, help="Mean length of words; Gopher: 10. Not of Chinese text.", ge=1)
    max_symbol_ratio: float = option(0.1, help="Number signs and ellipses, a word; as Gopher.", ge=0)
    max_digit_ratio: float = option(0.5, help="Share of digits among characters.", ge=0, le=1)
    min_alphabetic: float = option(0.5, help="Share of words with a letter; Gopher: 0.8.", ge=0, le=1)
    max_bullet_lines: float = option(0.9, help="Share of lines that begin with a bullet; as Gopher.", ge=0, le=1)
    max_ellipsis_lines: float = option(0.3, help="Share of lines that end with an ellipsis; as Gopher.", ge=0, le=1)
    max_repeated_lines: float = option(0.3, help="Share of lines that were there before; as Gopher.", ge=0, le=1)
    max_top_bigram: float = option(0.2, help="Characters in the commonest pair of words; as Gopher.", ge=0, le=1)
    min_stop_words: int = option(0, help="English stop words in it; Gopher: 2.", ge=0)
    min_ended_lines: float = option(0.0, help="Share of lines that end like a sentence; as C4 in spirit.", ge=0, le=1)


@frozen
class Measured:
    """A text with its counts."""

    text: str
    words: list[str]
    lines: list[str]
    chinese: bool


Rule = tuple[str, Callable[[Measured, FilterQualityOptions], bool]]
RULES: tuple[Rule, ...] = (
    ("too short", lambda m, o: len(m.text) < o.min_chars or len(m.words) < o.min_words),
    ("too long", lambda m, o: len(m.text) > o.max_chars or len(m.words) > o.max_words),
    ("word length", lambda m, o: not m.chinese and not o.min_mean_word <= _mean_length(m) <= o.max_mean_word),
    ("symbols", lambda m, o: _symbols(m.text) > o.max_symbol_ratio * max(len(m.words), 1)),
    ("digits", lambda m, o: sum(map(str.isdigit, m.text)) > o.max_digit_ratio * max(len(m.text), 1)),
    ("few letters", lambda m, o: _share(m.words, _has_letter, 1.0) < o.min_alphabetic),
    ("bullets", lambda m, o: _share(m.lines, lambda line: line.startswith(BULLETS)) > o.max_bullet_lines),
    ("ellipses", lambda m, o: _share(m.lines, lambda line: line.endswith(("…", "..."))) > o.max_ellipsis_lines),
    ("repeated lines", lambda m, o: 1 - len(set(m.lines)) / max(len(m.lines), 1) > o.max_repeated_lines),
    ("repeated words", lambda m, o: len(m.words) >= 20 and _top_bigram(m) > o.max_top_bigram),
    ("stop words", lambda m, o: o.min_stop_words > 0 and _stop_words(m.words) < o.min_stop_words),
    ("unfinished lines", lambda m, o: _share(m.lines, lambda line: line.endswith(ENDS), 1.0) < o.min_ended_lines),
)
"""Twelve, in the order in which they are tried: what is said of a text that breaks it, and whether it does."""


class FilterQuality(RowOperator):
    """Drops rows by the first rule they break; length limits are wide, since answers may be one word."""

    def __init__(self, options: FilterQualityOptions) -> None:
        self._options = options

    def process(self, rows: Sequence[Example], context: StageContext) -> Sequence[Outcome]:
        read = answers if self._options.of == "answers" else texts
        broken = [self.broken("\n".join(read(row))) for row in rows]
        return [Dropped("filtered", why) if why else row for row, why in zip(rows, broken, strict=True)]

    def broken(self, text: str) -> str:
        """Return the rule that the text breaks; empty if none."""
        chinese = len(CHINESE.findall(text))
        lines = [line for line in map(str.strip, text.split("\n")) if line]
        words = WORD.findall(CHINESE.sub(r" \g<0> ", text) if chinese else text)
        measured = Measured(text, words, lines, chinese * 5 > len(text))
        return next((name for name, breaks in RULES if breaks(measured, self._options)), "")


def _mean_length(found: Measured) -> float:
    return sum(map(len, found.words)) / max(len(found.words), 1)


def _symbols(text: str) -> int:
    return text.count("#") + text.count("…") + text.count("...")


def _has_letter(word: str) -> bool:
    return any(map(str.isalpha, word))


def _share(parts: Sequence[str], holds: Callable[[str], bool], empty: float = 0.0) -> float:
    return sum(map(holds, parts)) / len(parts) if parts else empty


def _stop_words(words: Sequence[str]) -> int:
    return sum(word.lower().strip(".,;:!?") in STOP_WORDS for word in words)


def _top_bigram(found: Measured) -> float:
    pairs = Counter(pairwise(found.words))
    (one, two), count = pairs.most_common(1)[0]
    return count * (len(one) + len(two)) / max(sum(map(len, found.words)), 1) if count > 1 else 0.0
