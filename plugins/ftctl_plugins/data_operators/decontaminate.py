"""``decontaminate``: drop rows that share long n-grams with evaluation items. Brown et al., 2020, appendix C."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from ftctl.domain import Dropped, Example, Outcome
from ftctl.plugin import option, options
from ftctl.ports import DataOperatorError, RowOperator, StageContext
from ftctl_adapters.records.locations import Place
from ftctl_adapters.records.texts import texts
from ftctl_plugins.data_operators.reference_files import STEP, items, places, state


@options
class DecontaminateOptions:
    """Options of `Decontaminate`."""

    against: tuple[str, ...] = option(
        help="Files with evaluation items, as `jsonl` takes them; patterns too.", location=True
    )
    ngram: int = option(13, help="Words of a run; of Chinese and Japanese text characters.", ge=3, le=64)
    min_hits: int = option(1, help="Drop rows that share at least this many n-grams.", ge=1)


class Decontaminate(RowOperator):
    """Ignores case, punctuation and spaces; an item shorter than an n-gram counts if it is the whole row."""

    def __init__(self, options: DecontaminateOptions) -> None:
        self._options = options

    def fingerprint(self) -> str:
        return state(self._places)

    def process(self, rows: Sequence[Example], context: StageContext) -> Sequence[Outcome]:
        names, index = self._index
        hits = index.hits(["\n".join(texts(row)) for row in rows])
        return [self._outcome(row, times, names[item]) for row, (times, item) in zip(rows, hits, strict=True)]

    def _outcome(self, row: Example, times: int, item: str) -> Outcome:
        if times < self._options.min_hits:
            return row
        return Dropped("contaminated", f"{times} runs of {self._options.ngram} tokens are in {item}")

    @cached_property
    def _places(self) -> list[Place]:
        return places(self._options.against, "decontaminate")

    @cached_property
    def _index(self) -> tuple[list[str], Any]:
        from ftctl_adapters.dedup.evaluation_index import EvaluationIndex

        found = list(items(self._places, "decontaminate", lambda row: "\n".join(texts(row))))
        index = EvaluationIndex.of([text for _, text in found], self._options.ngram)
        if not len(index.hashes):
            raise DataOperatorError("decontaminate: the evaluation items have no words", next_step=STEP)
        return [where for where, _ in found], index
