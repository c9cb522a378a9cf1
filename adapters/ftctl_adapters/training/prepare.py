"""From a split to token ids and labels, with every row accounted for and the label mask checked on the real data."""

from collections import Counter
from collections.abc import Iterable

from attrs import define, field

from ftctl.domain.encoded import Encoded
from ftctl.domain.example import Example
from ftctl.errors import LabelsInvalid, NoUsableRows
from ftctl.ports import Objective
from ftctl.ports.objective import Encoder
from ftctl_adapters.training.options import TrainingOptions
from ftctl_adapters.training.rows import Row

SHOWN = 20


@define
class Prepared:
    """Rows ready to train, and what became of every example: ``states`` sums to the number of examples."""

    rows: list[Row] = field(factory=list)
    states: Counter[str] = field(factory=Counter)
    overlong: list[str] = field(factory=list)

    @property
    def tokens(self) -> int:
        return sum(len(sequence.ids) for row in self.rows for sequence in row)

    @property
    def trained_tokens(self) -> int:
        return sum(sequence.trained for row in self.rows for sequence in row)


def prepare(examples: Iterable[Example], objective: Objective, encoder: Encoder, options: TrainingOptions) -> Prepared:
    """Encodes every example for the objective and applies the over-length policy as stated.

    Raises:
        LabelsInvalid: examples longer than ``max_length`` under the policy ``error``, listed; or a broken mask.
        NoUsableRows: nothing is left.
    """
    prepared, refused = Prepared(), list[LabelsInvalid]()
    for example in examples:
        try:
            row = objective.encode(example, encoder)
            state, rows = _fit(row, options, raw=not example.messages)
        except LabelsInvalid as error:
            refused.append(error)
            continue
        prepared.states[state] += 1
        if state != "kept":
            longest = max(len(sequence.ids) for sequence in row)
            prepared.overlong.append(f"{example.where}: {longest} tokens, {state.replace('_', ' ')}")
        prepared.rows += rows
    _refuse(refused)
    if options.overlong == "error" and prepared.overlong:
        raise LabelsInvalid(
            f"{len(prepared.overlong)} examples are longer than max_length {options.max_length}",
            next_step="raise tuner.max_length, or choose tuner.overlong: drop, truncate_left, truncate_right, split",
            details=tuple(prepared.overlong[:SHOWN]),
        )
    if not prepared.rows:
        raise NoUsableRows(
            f"0 usable rows after tokenising: {dict(prepared.states)}", next_step="raise tuner.max_length"
        )
    return prepared


def _refuse(refused: list[LabelsInvalid]) -> None:
    """Every example whose mask would be wrong, at once."""
    if len(refused) == 1:
        raise refused[0]
    if refused:
        lines = tuple(error.what for error in refused[:SHOWN])
        text = f"{len(refused)} examples cannot be trained as they are"
        raise LabelsInvalid(text, next_step=refused[0].next_step, details=lines)


def _fit(row: Row, options: TrainingOptions, *, raw: bool) -> tuple[str, list[Row]]:
    """What becomes of an example: its state, and the rows it gives."""
    limit = options.max_length
    if all(len(sequence.ids) <= limit for sequence in row):
        return "kept", [row]
    if options.overlong in ("error", "drop"):
        return "dropped_overlong", []
    if options.overlong == "split":
        if not raw:
            step = "say drop, truncate_left or truncate_right for conversations"
            raise LabelsInvalid(f"{row[0].where}: only raw text can be split, this is a conversation", next_step=step)
        starts = range(0, len(row[0].ids), limit)
        pieces = [_part(row[0], slice(start, start + limit)) for start in starts]
        return "split", [(piece,) for piece in pieces if piece.trained]
    part = slice(-limit, None) if options.overlong == "truncate_left" else slice(None, limit)
    cut = tuple(_part(sequence, part) for sequence in row)
    return ("truncated", [cut]) if all(sequence.trained for sequence in cut) else ("dropped_nothing_to_train", [])


def _part(sequence: Encoded, part: slice) -> Encoded:
    return Encoded(sequence.where, sequence.ids[part], sequence.labels[part])
