"""``calibrate``: whether a model is as sure of its answers as it is right.

Guo et al., On calibration of modern neural networks, 2017; Brier, Verification of forecasts expressed in terms of
probability, 1950.
"""

import math
import random
from collections.abc import Sequence
from itertools import pairwise

from attrs import evolve

from ftctl.domain.asks import Asks
from ftctl.domain.example import Example, Message
from ftctl.domain.metric import Metric, mean_metric
from ftctl.domain.report import Report
from ftctl.errors import NoUsableRows
from ftctl.plugin import option, options
from ftctl.ports import Evaluator, Score, StageContext, Target, answered
from ftctl_plugins.evaluators.squad import exact_match

PER = ("answer", "token")
EACH, DRAWS = 10, 200
"""Answers that a group has at least, and draws for what chance would show."""


@options
class CalibrateOptions:
    bins: int = option(10, help="Most groups of equal size, of ten answers at least, by their probability.", ge=2)
    per: str = option("answer", help="Probability of the whole answer, or the mean of a token's.", choices=PER)
    max_new_tokens: int = option(128, help="Where an answer is cut.", ge=1, le=65_536)
    limit: int | None = option(None, help="Measure only this many examples of the test split.", ge=1)


class Calibrate(Evaluator):
    """The probability that the model gives its own greedy answer, against whether that is right (exact match).

    ``brier`` is the mean of their squared difference; ``calibration_error`` the mean distance of both within groups of
    answers that are about as probable (expected calibration error, groups of equal size), which is never 0 by chance:
    the note tells what it would be. Answers that were cut are not counted.
    """

    def __init__(self, options: CalibrateOptions) -> None:
        self._options = options

    def asks(self, examples: int) -> Asks:
        count = min(self._options.limit or examples, examples)
        return Asks(split=count, longest=self._options.max_new_tokens, scores=count)

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        asked = [example for example in data if example.messages][: self._options.limit]
        if not asked:
            raise NoUsableRows("calibrate needs conversations; the test split holds raw text only")
        told = target.generate([example.prompt for example in asked], self._options.max_new_tokens)
        asked, answers, missing = answered(asked, told)
        ended = [(e, a.text) for e, a in zip(asked, answers, strict=True) if a.finish_reason == "stop"]
        cut = len(asked) - len(ended)
        said = f"; {cut} answers that were cut are not counted" if cut else ""
        if not ended:
            return Report("calibrate", (), missing, {"calibrate": f"not assessable{said}"})
        scores = target.score([_with(example, text) for example, text in ended])
        sure = [self._probability(score) for score in scores]
        right = [exact_match(text, example.answer) for example, text in ended]
        squares = [(p - hit) ** 2 for p, hit in zip(sure, right, strict=True)]
        records = tuple(
            {"where": e.where, "prompt": e.prompt.question, "expected": e.answer, "answer": text, "probability": p,
             "brier": square}
            for (e, text), p, square in zip(ended, sure, squares, strict=True)
        )  # fmt: skip
        bins, n = min(self._options.bins, max(1, len(ended) // EACH)), len(ended)
        metrics = (
            mean_metric("brier", squares, unit="share", direction="lower"),
            Metric("calibration_error", calibration_error(sure, right, bins), "share", "lower", n),
        )
        note = f"on average {sum(sure) / n:.3f} sure and {sum(right) / n:.3f} right; in {bins} groups, a model that is "
        note += f"as sure as right would show an error of {by_chance(sure, bins):.3f} by chance"
        return Report("calibrate", metrics, records + missing, {"calibrate": note + said})

    def _probability(self, score: Score) -> float:
        per = 1 if self._options.per == "answer" else max(score.tokens, 1)
        return math.exp(min(score.log_probability / per, 0.0))


def calibration_error(sure: Sequence[float], right: Sequence[float], bins: int) -> float:
    """Mean over all of how far apart probability and share of right answers are, within groups of equal size.

    Answers that are as probable count as one with the mean of their shares, so that their order means nothing.
    """
    same: dict[float, list[float]] = {}
    for p, hit in zip(sure, right, strict=True):
        same.setdefault(p, []).append(hit)
    pairs, n = [(p, math.fsum(same[p]) / len(same[p])) for p in sorted(sure)], len(sure)
    bounds = [place * n // bins for place in range(bins + 1)]
    groups = [pairs[start:end] for start, end in pairwise(bounds) if end > start]
    return math.fsum(abs(math.fsum(p - hit for p, hit in group)) for group in groups) / n


def by_chance(sure: Sequence[float], bins: int) -> float:
    """The mean error of answers that are right as often as these are sure."""
    draw = random.Random(1)  # noqa: S311 - reproducible, not secret
    drawn = ([float(draw.random() < p) for p in sure] for _ in range(DRAWS))
    return math.fsum(calibration_error(sure, right, bins) for right in drawn) / DRAWS


def _with(example: Example, answer: str) -> Example:
    """The example with the model's answer as its own."""
    return evolve(example, messages=(*example.messages[:-1], Message("assistant", answer)))
