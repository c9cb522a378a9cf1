"""From a split to token ids and labels, with every row accounted for and the label mask checked on the real data."""

from collections import Counter
from collections.abc import Iterable

from attrs import define, field

from ftctl.domain.example import Example
from ftctl.errors import LabelsInvalid, NoUsableRows
from ftctl_adapters.modeling.labels import IGNORED, Encoded, encode_example
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_adapters.training.options import TrainingOptions

SHOWN = 20


@define
class Prepared:
    """Rows ready to train, and what became of every example: ``states`` sums to the number of examples."""

    rows: list[Encoded] = field(factory=list)
    states: Counter[str] = field(factory=Counter)
    overlong: list[str] = field(factory=list)

    @property
    def tokens(self) -> int:
        return sum(len(row.ids) for row in self.rows)

    @property
    def trained_tokens(self) -> int:
        return sum(row.trained for row in self.rows)


def prepare(examples: Iterable[Example], tokenizer: ChatTokenizer, options: TrainingOptions) -> Prepared:
    """Encodes every example and applies the over-length policy as stated.

    Raises:
        LabelsInvalid: examples longer than ``max_length`` under the policy ``error``, listed; or a broken mask.
        NoUsableRows: nothing is left.
    """
    prepared, refused = Prepared(), list[LabelsInvalid]()
    for example in examples:
        try:
            encoded = encode_example(tokenizer, example, options.loss_on)
        except LabelsInvalid as error:
            refused.append(error)
            continue
        state, row = _fit(encoded, options)
        prepared.states[state] += 1
        if state != "kept":
            prepared.overlong.append(f"{example.where}: {len(encoded.ids)} tokens, {state.replace('_', ' ')}")
        if row is not None:
            prepared.rows.append(row)
    _refuse(refused)
    if options.overlong == "error" and prepared.overlong:
        raise LabelsInvalid(
            f"{len(prepared.overlong)} examples are longer than max_length {options.max_length}",
            next_step="raise tuner.max_length, or say what to do: tuner.overlong=drop|truncate_left|truncate_right",
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


def _fit(encoded: Encoded, options: TrainingOptions) -> tuple[str, Encoded | None]:
    limit = options.max_length
    if len(encoded.ids) <= limit:
        return "kept", encoded
    if options.overlong in ("error", "drop"):
        return "dropped_overlong", None
    part = slice(-limit, None) if options.overlong == "truncate_left" else slice(None, limit)
    cut = Encoded(encoded.where, encoded.ids[part], encoded.labels[part])
    if not any(label != IGNORED for label in cut.labels[1:]):
        return "dropped_nothing_to_train", None
    return "truncated", cut
