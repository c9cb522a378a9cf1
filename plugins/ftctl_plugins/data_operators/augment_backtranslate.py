"""``augment-backtranslate``: translate questions into another language and back, by a language model."""

import random
from collections.abc import Sequence

from ftctl.domain import Example, Outcome
from ftctl.plugin import option, options
from ftctl.ports import StageContext
from ftctl_adapters.serving.batch_client import Asker
from ftctl_adapters.serving.retry import NoAnswer
from ftctl_plugins.data_operators.derived_rows import SEED_HELP, SHARE_HELP, Augmentation, last_question, with_question
from ftctl_plugins.endpoint_options import AskingOptions, asker

TRANSLATE = "Translate the user's message into {}. Reply with the translation alone; do not answer the message."


@options
class AugmentBacktranslateOptions(AskingOptions):
    """Options of `AugmentBacktranslate`."""

    language: str = option(help="The language of the rows, in English, e.g. `Chinese`.")
    pivot: str = option("French", help="The language between.")
    share: float = option(0.1, help=SHARE_HELP, gt=0, le=1)
    seed: int = option(1, help=SEED_HELP, ge=0)
    max_tokens: int = option(512, help="Maximum number of new tokens of a translation.", ge=1)


class AugmentBacktranslate(Augmentation):
    """Changes only the last question; refused translations are skipped."""

    def __init__(self, options: AugmentBacktranslateOptions) -> None:
        super().__init__(options.share, options.seed)
        self._options = options
        self._asker: Asker | None = None

    def process(self, rows: Sequence[Example], context: StageContext) -> Sequence[Outcome]:
        self._asker = self._asker or asker(self._options, context, self._options.max_tokens)
        return super().process(rows, context)

    def variant(self, row: Example, draw: random.Random, place: int) -> Example | None:
        asked = last_question(row)
        if asked is None:
            return None
        try:
            there = self._translated(row.messages[asked].content, self._options.pivot)
            return with_question(row, self._translated(there, self._options.language))
        except NoAnswer:
            return None

    def _translated(self, text: str, language: str) -> str:
        assert self._asker is not None
        told = [{"role": "system", "content": TRANSLATE.format(language)}, {"role": "user", "content": text}]
        return self._asker.ask(told).strip()
