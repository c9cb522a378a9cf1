"""``pairs``: make preference pairs from rated answers."""

from collections.abc import Sequence
from typing import Any

from attrs import evolve

from ftctl.domain import Dropped, Example, Message, Outcome
from ftctl.plugin import option, options
from ftctl.ports import RowOperator, StageContext


@options
class PairsOptions:
    """Options of `Pairs`."""

    of: str = option(
        "auto",
        help="`ratings`: `rating` of each of `responses`, more is better; `rankings`: `rank`, 1 is best; `auto`: "
        "whichever of the two a row has; `samples`: the row's own answer is better than any of `responses`.",
        choices=("auto", "ratings", "rankings", "samples"),
    )
    min_margin: float = option(1.0, help="Smallest difference of ratings or ranks that counts.", gt=0)


class Pairs(RowOperator):
    """Pairs the best and the worst answer; rows whose answers hardly differ are dropped."""

    def __init__(self, options: PairsOptions) -> None:
        self._options = options

    def process(self, rows: Sequence[Example], context: StageContext) -> Sequence[Outcome]:
        return [self._outcome(row) for row in rows]

    def _outcome(self, row: Example) -> Outcome:
        if row.rejected:
            return row
        answers = responses(row)
        if not row.messages or not answers:
            return Dropped("filtered", "no responses to compare")
        if self._options.of == "samples":
            return self._sampled(row, answers)
        rated = self._options.of == "ratings" or (self._options.of == "auto" and "rating" in answers[0])
        key, sign = ("rating", 1.0) if rated else ("rank", -1.0)
        scored = [(sign * one[key], one["text"]) for one in answers if _number(one.get(key))]
        if len(scored) < 2:
            return Dropped("filtered", f"fewer than two responses with a {key}")
        # of equally good ones the first, of equally bad ones the last
        best, worst = max(scored, key=lambda one: one[0]), min(reversed(scored), key=lambda one: one[0])
        if best[0] - worst[0] < self._options.min_margin or best[1] == worst[1]:
            return Dropped("filtered", f"{key}s differ by less than {self._options.min_margin:g}")
        return paired(row, best[1], worst[1])

    def _sampled(self, row: Example, answers: list[dict[str, Any]]) -> Outcome:
        other = next((one["text"] for one in answers if one["text"].split() != row.answer.split()), None)
        return paired(row, row.answer, other) if other else Dropped("filtered", "no sample says anything else")


def responses(row: Example) -> list[dict[str, Any]]:
    """Return a row's answers, each with its ``text``."""
    found = row.metadata.get("responses")
    listed = found if isinstance(found, list) else []
    return [one for one in listed if isinstance(one, dict) and isinstance(one.get("text"), str) and one["text"].strip()]


def paired(row: Example, better: str, worse: str) -> Example:
    """Return the row as a preference pair, without its other answers."""
    rest = {key: value for key, value in row.metadata.items() if key != "responses"}
    turns = (*row.messages[:-1], Message("assistant", better))
    return evolve(row, messages=turns, rejected=(Message("assistant", worse),), metadata=rest)


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
