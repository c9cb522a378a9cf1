"""Encode examples to token ids and labels, account for every row, and check the label mask on real data."""

from collections import Counter
from collections.abc import Iterable

from attrs import define, field

from ftctl.domain.encoded import Encoded
from ftctl.domain.example import Example
from ftctl.errors import LabelsInvalid, NoUsableRows
from ftctl.ports import Objective
from ftctl_adapters.modeling.answer_spans import AnswersInseparable
from ftctl_adapters.modeling.encoder import ExampleEncoder
from ftctl_adapters.modeling.labels import SpecialTokenSpelled
from ftctl_adapters.training.options import TrainingOptions
from ftctl_adapters.training.training_rows import Row

SHOWN = 20
APART = "one_sequence_an_answer"
"""State of a conversation whose answers stand in sequences of their own."""


@define
class Account:
    """Label ledger: ``states`` counts every example, ``rows`` those that are trained."""

    rows: int = 0
    tokens: int = 0
    trained_tokens: int = 0
    states: Counter[str] = field(factory=Counter)
    overlong: list[str] = field(factory=list)
    longest: int = 0
    """Tokens of the longest sequence, before any was cut."""
    refused: list[tuple[str, str]] = field(factory=list)
    """What is wrong with an example, and what to do."""
    validation: dict[str, int] = field(factory=dict)
    """States of the validation split's examples, beside those of the train split."""
    lost: Counter[str] = field(factory=Counter)
    """Sequences of which the chat template left out turns of a role, or tools."""

    def add(self, other: "Account") -> None:
        """Add the states of further examples."""
        self.rows += other.rows
        self.tokens += other.tokens
        self.trained_tokens += other.trained_tokens
        self.states += other.states
        self.overlong += other.overlong
        self.longest = max(self.longest, other.longest)
        self.refused += other.refused
        self.lost += other.lost

    def endless(self, options: TrainingOptions, context: int = 0) -> str:
        """Return a sentence about rows that lost their end, empty if there are none."""
        cut = self.states["truncated"] if options.overlong == "truncate_right" else 0
        if not cut:
            return ""
        text = f"{cut} of {self.rows} rows were cut at their end and hold no stop token, so they teach never to stop"
        return f"{text}; {self.raised(options, context)}say tuner.overlong: drop"

    def raised(self, options: TrainingOptions, context: int) -> str:
        """Return the advice to raise ``max_length`` to what the longest row needs; empty where the model takes less."""
        most = min(self.longest, context) if context else self.longest
        if most <= options.max_length:
            return ""
        fits = "" if most == self.longest else f", as much as the model takes (the longest row has {self.longest})"
        return f"raise tuner.max_length to {most}{fits}, or "

    def settle(self, options: TrainingOptions, split: str = "train", context: int = 0) -> None:
        """Refuse what must not be trained, all at once.

        Args:
            options: of the training.
            split: the rows' split.
            context: largest number of tokens that the model takes; 0: unknown.

        Raises:
            LabelsInvalid: examples longer than ``max_length`` under the policy ``error``, listed; or a broken mask.
            NoUsableRows: nothing is left.
        """
        _refuse(self.refused, split)
        capped = 0 < context < options.max_length
        limit = f"the model's context of {context} tokens" if capped else f"max_length {options.max_length}"
        remedy = self.raised(options, context)
        if options.overlong == "error" and self.overlong:
            raise LabelsInvalid(
                f"{len(self.overlong)} {split} examples are longer than {limit}",
                next_step=f"{remedy}say tuner.overlong: drop, truncate_left, truncate_right, split",
                details=tuple(self.overlong[:SHOWN]),
            )
        if not self.rows:
            states = ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in sorted(self.states.items()))
            raise NoUsableRows(
                f"0 of {sum(self.states.values())} {split} rows fit {limit}: {states}",
                next_step=f"{remedy}choose another tuner.overlong",
            )


def prepare(
    examples: Iterable[Example],
    objective: Objective,
    encoder: ExampleEncoder,
    options: TrainingOptions,
    limit: int | None = None,
) -> tuple[list[Row], Account]:
    """Encode examples for the objective and apply the over-length policy; refuses nothing yet.

    ``limit`` is the largest number of tokens of a sequence, by default ``max_length`` of the options.
    """
    rows, account = list[Row](), Account()
    most = limit or options.max_length
    for example in examples:
        try:
            encoded = _encoded(example, objective, encoder)
            fitted = [_fit(row, most, options.overlong, raw=not example.messages) for row in encoded]
        except LabelsInvalid as error:
            if isinstance(error.__cause__, SpecialTokenSpelled) and options.special_tokens == "drop":
                account.states["dropped_special_token"] += 1
            else:
                account.refused.append((error.what, error.next_step))
            continue
        states = [state for state, _ in fitted]
        worst = next((state for state in states if state != "kept"), "kept")
        account.states[APART if len(encoded) > 1 and worst == "kept" else worst] += 1
        for row, (state, made) in zip(encoded, fitted, strict=True):
            longest = max(len(sequence.ids) for sequence in row)
            account.longest = max(account.longest, longest)
            if state != "kept":
                account.overlong.append(f"{example.where}: {longest} tokens, {state.replace('_', ' ')}")
            rows += made
    sequences = [sequence for row in rows for sequence in row]
    account.rows = len(rows)
    account.tokens = sum(len(sequence.ids) for sequence in sequences)
    account.trained_tokens = sum(sequence.trained for sequence in sequences)
    return rows, account


def _encoded(example: Example, objective: Objective, encoder: ExampleEncoder) -> list[Row]:
    """Return the example as one row, or each of its answers as one where the chat template rewrites earlier ones."""
    try:
        return [objective.encode(example, encoder)]
    except LabelsInvalid as error:
        if not isinstance(error.__cause__, AnswersInseparable):
            raise
        apart = encoder.each_apart()
        return [objective.encode(one, apart) for one in encoder.answers(example)]


def _refuse(refused: list[tuple[str, str]], split: str) -> None:
    """Raise with every example whose mask would be wrong."""
    if len(refused) == 1:
        raise LabelsInvalid(refused[0][0], next_step=refused[0][1])
    if refused:
        lines = tuple(what for what, _ in refused[:SHOWN])
        text = f"{len(refused)} {split} examples cannot be trained as they are"
        raise LabelsInvalid(text, next_step=refused[0][1], details=lines)


def _fit(row: Row, limit: int, overlong: str, *, raw: bool) -> tuple[str, list[Row]]:
    """Apply the limit to an example: return its state and the rows it gives."""
    if all(len(sequence.ids) <= limit for sequence in row):
        return "kept", [row]
    if overlong in ("error", "drop"):
        return "dropped_overlong" if overlong == "drop" else "overlong", []
    if overlong == "split":
        if not raw:
            step = "say drop, truncate_left or truncate_right for conversations"
            raise LabelsInvalid(f"{row[0].where}: only raw text can be split, this is a conversation", next_step=step)
        starts = range(0, len(row[0].ids), limit)
        pieces = [_part(row[0], slice(start, start + limit)) for start in starts]
        return "split", [(piece,) for piece in pieces if piece.trained]
    part = slice(-limit, None) if overlong == "truncate_left" else slice(None, limit)
    cut = tuple(_part(sequence, part) for sequence in row)
    return ("truncated", [cut]) if all(sequence.trained for sequence in cut) else ("dropped_nothing_to_train", [])


def _part(sequence: Encoded, part: slice) -> Encoded:
    return Encoded(sequence.where, sequence.ids[part], sequence.labels[part])
