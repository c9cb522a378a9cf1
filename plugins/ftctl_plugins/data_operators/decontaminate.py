"""``decontaminate``: rows that share long runs of words with evaluation items. Brown et al., 2020, appendix C."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from ftctl.domain import Dropped, Example, Outcome
from ftctl.domain.codec import digest
from ftctl.plugin import option, options
from ftctl.ports import DataOperatorError, DataSourceError, RowOperator, StageContext
from ftctl_adapters.records.examples import ExampleReader
from ftctl_adapters.records.places import Place, find_places
from ftctl_adapters.records.tables import KINDS, read_rows
from ftctl_adapters.records.texts import texts


@options
class DecontaminateOptions:
    against: tuple[str, ...] = option(
        help="Files with evaluation items, as `jsonl` takes them; patterns too.", location=True
    )
    ngram: int = option(13, help="Words of a run; of Chinese and Japanese text characters.", ge=3, le=64)
    min_hits: int = option(1, help="From how many common runs on a row is left out.", ge=1)


class Decontaminate(RowOperator):
    """Letter case, punctuation and spaces make no difference; an item shorter than a run counts where it is all."""

    def __init__(self, options: DecontaminateOptions) -> None:
        self._options = options

    def fingerprint(self) -> str:
        return digest([[place.name, place.state()] for place in self._places])

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
        try:
            found = [place for pattern in self._options.against for place in find_places(pattern)]
        except DataSourceError as error:
            raise DataOperatorError(f"decontaminate: {error.what}", next_step="check data_steps[…].against") from error
        readable = [place for place in found if place.kind in KINDS]
        if not readable:
            raise DataOperatorError(
                "decontaminate: no file of evaluation items", next_step="check data_steps[…].against"
            )
        return readable

    @cached_property
    def _index(self) -> tuple[list[str], Any]:
        from ftctl_adapters.dedup.evaluation_index import EvaluationIndex

        reader, items = ExampleReader(), list[tuple[str, str]]()
        for place in self._places:
            for row in reader.read(read_rows(place)):
                if not isinstance(row, Example):
                    raise DataOperatorError(f"decontaminate: {row.where}: {row.reason}",
                                            next_step="correct the evaluation set")  # fmt: skip
                items.append((row.where, "\n".join(texts(row))))
        index = EvaluationIndex.of([text for _, text in items], self._options.ngram)
        if not len(index.hashes):
            raise DataOperatorError(
                "decontaminate: the evaluation items have no words", next_step="check data_steps[…].against"
            )
        return [where for where, _ in items], index
