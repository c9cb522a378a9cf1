"""``gold-answers``: what people wrote into the forms of a gold set becomes what is expected."""

from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

from ftctl.domain import Dropped, Example, Outcome
from ftctl.domain.codec import digest
from ftctl.plugin import option, options
from ftctl.ports import DataOperatorError, RowOperator, StageContext
from ftctl_adapters.records.form_csv import Unreadable, filled_in
from ftctl_adapters.records.gold import EXPECTED, expecting, item_of

STEP = "save it as CSV, with the columns `item` and `expected`"


@options
class GoldAnswersOptions:
    files: tuple[str, ...] = option(help="Forms that were filled in, one an annotator.", location=True)
    on_difference: str = option(
        "drop",
        help="Where annotators wrote different answers: `drop` leaves the row out, `first` takes the first file's.",
        choices=("drop", "first"),
    )


class GoldAnswers(RowOperator):
    """Rows that nobody answered are left out. All words are kept in ``metadata.annotations``, for `agreement`.

    Rows say in ``metadata.split`` that they are test rows; `data_source.split_field: split` takes them at their word.
    """

    def __init__(self, options: GoldAnswersOptions) -> None:
        self._options = options

    def fingerprint(self) -> str:
        try:
            told = [[Path(path).stem, Path(path).read_text(encoding="utf-8-sig")] for path in self._options.files]
            return digest(told)
        except (OSError, UnicodeDecodeError) as error:
            raise DataOperatorError(f"gold-answers: {error}", next_step=STEP) from error

    def process(self, rows: Sequence[Example], context: StageContext) -> Sequence[Outcome]:
        return [self._outcome(row) for row in rows]

    def _outcome(self, row: Example) -> Outcome:
        if not row.messages:
            return Dropped("filtered", "raw text, which asks nothing")
        said = [(who, text) for who, told in self._told for text in told.get(item_of(row), ())]
        if not said:
            return Dropped("filtered", "nobody answered it")
        different = {" ".join(text.split()) for _, text in said}
        if len(different) > 1 and self._options.on_difference == "drop":
            return Dropped("filtered", f"{len({who for who, _ in said})} annotators wrote {len(different)} answers")
        return expecting(row, said[0][1], said)

    @cached_property
    def _told(self) -> list[tuple[str, dict[str, list[str]]]]:
        """Each annotator with what he wrote, by item; he is called as the file, or as its path where two are alike."""
        stems = Counter(Path(path).stem for path in self._options.files)
        try:
            return [(stem if stems[stem := Path(path).stem] == 1 else path, _written(Path(path)))
                    for path in self._options.files]  # fmt: skip
        except Unreadable as error:
            raise DataOperatorError(f"gold-answers: {error}", next_step=STEP) from error


def _written(path: Path) -> dict[str, list[str]]:
    """What stands in a form, by item; an item may stand there more than once, and what was left open is nothing."""
    found: dict[str, list[str]] = {}
    for _, name, text in filled_in(path, "item", EXPECTED):
        if text:
            found.setdefault(name, []).append(text)
    return found
