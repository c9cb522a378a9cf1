"""``calibrate``: calibration of answer probabilities.

Guo et al., On calibration of modern neural networks, 2017; Brier, Verification of forecasts expressed in terms of
probability, 1950.
"""

import math
from collections.abc import Sequence

from attrs import evolve

from ftctl.domain.evaluation_cost import EvaluationCost
from ftctl.domain.example import Example, Message
from ftctl.domain.metric import extreme_metric, mean_metric
from ftctl.domain.report import Report
from ftctl.plugin import option, options
from ftctl.ports import Evaluator, Score, StageContext, Target, answered
from ftctl_plugins.evaluators.conversations import conversations
from ftctl_plugins.evaluators.exact_match import exact_match
from ftctl_plugins.evaluators.robustness.calibration import around, by_chance, calibration_error, noise

PER = ("answer", "token")
EACH = 10
"""Answers that a group has at least."""


@options
class CalibrateOptions:
    """Options of `Calibrate`."""

    bins: int = option(10, help="Largest number of equal-size probability bins, each of ten answers or more.", ge=2)
    per: str = option("answer", help="Probability of the whole answer, or the mean of a token's.", choices=PER)
    max_new_tokens: int = option(128, help="Maximum number of new tokens.", ge=1, le=65_536)
    limit: int | None = option(None, help="Measure only this many examples of the test split.", ge=1)


class Calibrate(Evaluator):
    """Compares the probability of the model's greedy answer with whether it is right (exact match).

    ``brier`` is the mean of their squared difference; ``calibration_error`` the mean distance of both within groups of
    answers that are about as probable (expected calibration error, groups of equal size), which is never 0 by chance:
    the note tells what it would be. Answers that were cut are not counted.
    """

    def __init__(self, options: CalibrateOptions) -> None:
        self._options = options

    def asks(self, examples: int) -> EvaluationCost:
        count = min(self._options.limit or examples, examples)
        return EvaluationCost(split=count, longest=self._options.max_new_tokens, scores=count)

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        asked = conversations("calibrate", data, self._options.limit)
        told = target.generate([example.prompt for example in asked], self._options.max_new_tokens)
        asked, answers, missing = answered(asked, told)
        wanted = {example.where: example.answer for example in asked}
        ended = [_with(e, a.text) for e, a in zip(asked, answers, strict=True) if a.finish_reason == "stop"]
        cut = len(asked) - len(ended)
        said = f"; {cut} answers that were cut are not counted" if cut else ""
        if not ended:
            return Report("calibrate", (), missing, {"calibrate": f"not assessable{said}"})
        ended, scores, unscored = answered(ended, target.score(ended))
        sure = [self._probability(score) for score in scores]
        right = [exact_match(example.answer, wanted[example.where]) for example in ended]
        squares = [(p - hit) ** 2 for p, hit in zip(sure, right, strict=True)]
        records = tuple(
            {"where": e.where, "prompt": e.prompt.question, "expected": wanted[e.where], "answer": e.answer,
             "probability": p, "brier": square}
            for e, p, square in zip(ended, sure, squares, strict=True)
        )  # fmt: skip
        bins, n = min(self._options.bins, max(1, len(ended) // EACH)), len(ended)
        error = calibration_error(sure, right, bins)
        within = around(error, noise(sure, right, bins)) if n >= EACH else None
        metrics = (
            mean_metric("brier", squares, unit="share", direction="lower"),
            extreme_metric("calibration_error", error, within, unit="share", direction="lower", n=n),
        )
        note = f"on average {sum(sure) / n:.3f} sure and {sum(right) / n:.3f} right; in {bins} groups, a model that is "
        note += f"as sure as right would show an error of {by_chance(sure, bins):.3f} by chance"
        return Report("calibrate", metrics, records + missing + unscored, {"calibrate": note + said})

    def _probability(self, score: Score) -> float:
        per = 1 if self._options.per == "answer" else max(score.tokens, 1)
        return math.exp(min(score.log_probability / per, 0.0))


def _with(example: Example, answer: str) -> Example:
    """Return the example with the model's answer."""
    return evolve(example, messages=(*example.messages[:-1], Message("assistant", answer)))
