"""``gold-answers``: read annotators' answers to a gold set from their forms."""

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
    """Options of `GoldAnswers`."""

    files: tuple[str, ...] = option(help="Forms that were filled in, one an annotator.", location=True)
    on_difference: str = option(
        "drop",
        help="Handling of different answers: `drop` the row, or take the `first` file's.",
        choices=("drop", "first"),
    )


class GoldAnswers(RowOperator):
    """Drops unanswered rows; all answers are kept in ``metadata.annotations``, for `agreement`.

    Rows say in ``metadata.split`` that they are test rows; `data_source.split_field: split` takes them at their word.
    """

    def __init__(self, options: GoldAnswersOptions) -> None:
        self._options = options

    def fingerprint(self) -> str:
        return digest([[who, told] for who, told in self._told])

    def process(self, rows: Sequence[Example], context: StageContext) -> Sequence[Outcome]:
        return [self._outcome(row) for row in rows]

    def _outcome(self, row: Example) -> Outcome:
        if not row.messages:
            return Dropped("filtered", "raw text, which asks nothing")
        said = [(who, told[item_of(row)]) for who, told in self._told if item_of(row) in told]
        if not said:
            return Dropped("filtered", "nobody answered it")
        different = {" ".join(text.split()) for _, text in said}
        if len(different) > 1 and self._options.on_difference == "drop":
            return Dropped("filtered", f"{len(said)} annotators wrote {len(different)} answers")
        return expecting(row, said[0][1], said)

    @cached_property
    def _told(self) -> list[tuple[str, dict[str, str]]]:
        """Return each annotator's answers by item; annotators are named after files, or paths if equal."""
        stems = Counter(Path(path).stem for path in self._options.files)
        try:
            return [(stem if stems[stem := Path(path).stem] == 1 else path, _written(Path(path)))
                    for path in self._options.files]  # fmt: skip
        except Unreadable as error:
            raise DataOperatorError(f"gold-answers: {error}", next_step=STEP) from error


def _written(path: Path) -> dict[str, str]:
    """Read the answers of a form by item; open ones are left out.

    Raises:
        Unreadable: two answers to one item.
    """
    found: dict[str, str] = {}
    for number, name, text in filled_in(path, "item", EXPECTED):
        if text and found.setdefault(name, text) != text:
            raise Unreadable(f"{path}:{number}: {name} was answered before, otherwise")
    return found
