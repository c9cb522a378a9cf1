"""``shift``: metrics by slices of the test split."""

from collections.abc import Sequence
from datetime import date
from statistics import fmean, quantiles
from typing import Any

from attrs import frozen

from ftctl.domain.evaluation_cost import EvaluationCost
from ftctl.domain.example import Example
from ftctl.domain.metric import Metric, extreme_metric
from ftctl.domain.report import Report
from ftctl.domain.statistics.hypothesis_tests import holm, mean_bounds
from ftctl.domain.statistics.selection_bounds import level_of_each, lowest, widest
from ftctl.errors import NoUsableRows
from ftctl.plugin import option, options
from ftctl.ports import Evaluator, StageContext, Target, answered
from ftctl_plugins.evaluators.conversations import conversations
from ftctl_plugins.evaluators.exact_match import token_f1

LENGTH, LANGUAGE, TURNS, CLUSTER, DATE = "length", "language", "turns", "cluster", "date:"
SEED = 1
"""Of clusters."""
LEVEL = 0.05


@options
class ShiftOptions:
    """Options of `Shift`."""

    by: tuple[str, ...] = option(
        (LENGTH, LANGUAGE, TURNS),
        help="Grouping of questions: `length` (quartiles), `language`, `turns`, `cluster` (of their words), a metadata "
        "field, or `date:FIELD` with ISO dates, by day, month or year.",
    )
    clusters: int = option(8, help="Number of clusters.", ge=2, le=64)
    fewest: int = option(10, help="Examples that a slice must have, and the rest too.", ge=2)
    max_new_tokens: int = option(128, help="Maximum number of new tokens.", ge=1, le=65_536)
    limit: int | None = option(None, help="Measure only this many examples of the test split.", ge=1)


@frozen
class Slice:
    """Slice of examples with a common value, their mean F1, and the p-value of a mean that low."""

    name: str
    places: tuple[int, ...]
    mean: float
    p: float


class Shift(Evaluator):
    """Measures token F1 by slice; each is compared with all other examples, by permutation.

    ``shift_worst`` is the mean of the worst slice, ``shift_gap`` what the best has more; of many slices one is always
    the worst: the report names those that chance does not explain (Holm, 5 %).
    """

    def __init__(self, options: ShiftOptions) -> None:
        self._options = options

    def asks(self, examples: int) -> EvaluationCost:
        return EvaluationCost(
            split=min(self._options.limit or examples, examples), longest=self._options.max_new_tokens
        )

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        asked = conversations("shift", data, self._options.limit)
        told = target.generate([example.prompt for example in asked], self._options.max_new_tokens)
        asked, answers, missing = answered(asked, told)
        scores = [token_f1(answer.text, example.answer) for answer, example in zip(answers, asked, strict=True)]
        slices = [_judged(name, places, scores) for name, places in self._slices(asked)]
        if not slices:
            text = f"shift: no slice of {len(asked)} conversations has {self._options.fewest} examples beside as many"
            raise NoUsableRows(text, next_step="give a larger test split, or evaluators.shift.fewest")
        metrics = extremes(slices, scores)
        records = tuple(
            {"where": e.where, "prompt": e.prompt.question, "expected": e.answer, "answer": answer.text,
             "shift_f1": score, "slices": [one.name for one in slices if place in one.places]}
            for place, (e, answer, score) in enumerate(zip(asked, answers, scores, strict=True))
        )  # fmt: skip
        return Report("shift", metrics, records + missing, _notes(slices))

    def _slices(self, asked: Sequence[Example]) -> list[tuple[str, tuple[int, ...]]]:
        found = []
        for field in self._options.by:
            values = self._clusters(asked) if field == CLUSTER else _values(field, asked)
            for value in dict.fromkeys(sorted(value for value in values if value)):
                places = tuple(place for place, one in enumerate(values) if one == value)
                if min(len(places), len(asked) - len(places)) >= self._options.fewest:
                    found.append((f"{field} {value}", places))
        return found

    def _clusters(self, asked: Sequence[Example]) -> list[str]:
        from ftctl_adapters.dedup.topics import names, sketches, topics

        texts = [example.prompt.question for example in asked]
        return names(texts, topics(sketches(texts), self._options.clusters, SEED).tolist())


def _values(field: str, asked: Sequence[Example]) -> list[str]:
    """Return each example's value of a field; empty where it has none."""
    if field == LENGTH:
        lengths = [len(example.prompt.question) for example in asked]
        bounds = quantiles(lengths, n=4) if len(lengths) > 1 else []
        return [f"quarter {1 + sum(length >= bound for bound in bounds)}" for length in lengths]
    if field == LANGUAGE:
        return ["Chinese" if _chinese(example.prompt.question) else "other" for example in asked]
    if field == TURNS:
        return ["several" if len(example.messages) > 3 else "one" for example in asked]
    if field.startswith(DATE):
        return _periods([example.metadata.get(field.removeprefix(DATE)) for example in asked])
    return [str(example.metadata.get(field, "")) for example in asked]


def _periods(told: Sequence[Any]) -> list[str]:
    """Return years if dates span several, else months, else days."""
    days = [_day(one) for one in told]
    for length in (len("2026"), len("2026-11")):
        if len({day[:length] for day in days if day}) > 1:
            return [day[:length] for day in days]
    return days


def _day(told: Any) -> str:
    """Return a date in ISO 8601; empty if it is none."""
    try:
        return date.fromisoformat(str(told)[:10]).isoformat()
    except ValueError:
        return ""


def _chinese(text: str) -> bool:
    return any("\u4e00" <= character <= "\u9fff" for character in text)


def _judged(name: str, places: tuple[int, ...], scores: list[float]) -> Slice:
    from ftctl_adapters.statistics.slices import below_the_rest

    return Slice(name, places, fmean(scores[place] for place in places), below_the_rest(scores, places))


def extremes(slices: Sequence[Slice], scores: Sequence[float]) -> tuple[Metric, Metric]:
    """Return the worst slice with simultaneous bounds of all, so that the selection does not matter."""
    level, n = level_of_each(len(slices)), len(scores)
    bounds = [mean_bounds([scores[place] for place in one.places], level) for one in slices]
    means = [one.mean for one in slices]
    return (
        extreme_metric("shift_worst", min(means), lowest(bounds), unit="share", direction="higher", n=n),
        extreme_metric("shift_gap", max(means) - min(means), widest(bounds), unit="share", direction="lower", n=n),
    )


def _notes(slices: Sequence[Slice]) -> dict[str, str]:
    adjusted = holm([one.p for one in slices])
    told: list[Any] = sorted(zip(slices, adjusted, strict=True), key=lambda pair: pair[0].mean)
    worse = [f"{one.name} ({len(one.places)}, p {p:.2g})" for one, p in told if p <= LEVEL]
    return {
        "shift": f"worse than the rest: {', '.join(worse) or 'none that chance would not explain'}",
        "shift_slices": ", ".join(f"{one.name} {one.mean:.3f} ({len(one.places)})" for one, _ in told),
    }
