"""``calibrate``: whether a model is as sure of its answers as it is right.

Guo et al., On calibration of modern neural networks, 2017; Brier, Verification of forecasts expressed in terms of
probability, 1950.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from attrs import evolve

from ftctl.domain.example import Example, Message
from ftctl.domain.metric import Metric, mean_metric
from ftctl.domain.report import Report
from ftctl.errors import NoUsableRows
from ftctl.plugin import option, options
from ftctl.ports import Evaluator, Score, StageContext, Target, answered
from ftctl_plugins.evaluators.squad import exact_match

PER = ("answer", "token")


@options
class CalibrateOptions:
    bins: int = option(10, help="Into how many groups of equal size answers are divided by their probability.", ge=2)
    per: str = option("answer", help="Probability of the whole answer, or the mean of a token's.", choices=PER)
    max_new_tokens: int = option(32, help="Where an answer is cut.", ge=1, le=65_536)
    limit: int | None = option(None, help="Measure only this many examples of the test split.", ge=1)


class Calibrate(Evaluator):
    """The probability that the model gives its own greedy answer, against whether that is right (exact match).

    ``brier`` is the mean of their squared difference; ``calibration_error`` the mean distance of both within groups of
    answers that are about as probable (expected calibration error, groups of equal size).
    """

    def __init__(self, options: CalibrateOptions) -> None:
        self._options = options

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        asked = [example for example in data if example.messages][: self._options.limit]
        if not asked:
            raise NoUsableRows("calibrate needs conversations; the test split holds raw text only")
        told = target.generate([example.prompt for example in asked], self._options.max_new_tokens)
        asked, answers, missing = answered(asked, told)
        scores = target.score([_with(example, a.text) for example, a in zip(asked, answers, strict=True)])
        sure = [self._probability(score) for score in scores]
        right = [exact_match(a.text, e.answer) for e, a in zip(asked, answers, strict=True)]
        squares = [(p - hit) ** 2 for p, hit in zip(sure, right, strict=True)]
        error = calibration_error(sure, right, self._options.bins)
        metrics = (
            mean_metric("brier", squares, unit="share", direction="lower"),
            Metric("calibration_error", error, "share", "lower", len(asked)),
        )
        records = tuple(
            {"where": e.where, "prompt": e.prompt.question, "expected": e.answer, "answer": a.text, "probability": p,
             "brier": square}
            for e, a, p, square in zip(asked, answers, sure, squares, strict=True)
        )  # fmt: skip
        n = len(asked)
        note = f"on average {sum(sure) / n:.3f} sure and {sum(right) / n:.3f} right"
        return Report("calibrate", metrics, records + missing, {"calibrate": note})

    def _probability(self, score: Score) -> float:
        per = 1 if self._options.per == "answer" else max(score.tokens, 1)
        return math.exp(min(score.log_probability / per, 0.0))


def calibration_error(sure: Sequence[float], right: Sequence[float], bins: int) -> float:
    """Mean over all of how far apart probability and share of right answers are, within groups of equal size."""
    pairs, n = sorted(zip(sure, right, strict=True)), len(sure)
    bounds = [place * n // bins for place in range(bins + 1)]
    groups = [pairs[start:end] for start, end in pairwise(bounds) if end > start]
    return math.fsum(abs(math.fsum(p - hit for p, hit in group)) for group in groups) / n


def _with(example: Example, answer: str) -> Example:
    """The example with the model's answer as its own."""
    return evolve(example, messages=(*example.messages[:-1], Message("assistant", answer)))
