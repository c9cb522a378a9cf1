"""``drift``: divergence of a model from its base, on the base's answers."""

import math
from collections.abc import Sequence
from typing import Any

from attrs import evolve

from ftctl.domain.evaluation_cost import EvaluationCost
from ftctl.domain.example import Example, Message
from ftctl.domain.metric import Metric
from ftctl.domain.report import Report
from ftctl.errors import Unanswered
from ftctl.plugin import option, options
from ftctl.ports import Answer, Evaluator, Score, StageContext, Target, answered
from ftctl_plugins.evaluators.conversations import conversations

MEASURED_AT = 1.0
"""The temperature at which a model says what it says with its own probabilities."""


@options
class DriftOptions:
    """Options of `Drift`."""

    limit: int | None = option(100, help="Ask only this many questions of the test split.", ge=2)
    max_new_tokens: int = option(64, help="Maximum number of new tokens.", ge=1, le=65_536)
    seed: int = option(1, help="Random seed.", ge=0)


class Drift(Evaluator):
    """Measures ``drift_kl``, the Kullback-Leibler divergence from base to model, in nats a token.

    By answers that are drawn from the base: the mean over them of the difference of the log-probabilities that both
    models give them, for so many tokens (a Monte-Carlo estimate, unbiased where a text is made of the tokens that it
    was drawn as). Its standard error is that of a ratio over answers (Cochran, Sampling techniques, 1977). Of the base
    itself there is none.
    """

    def __init__(self, options: DriftOptions) -> None:
        self._options = options

    def asks(self, examples: int) -> EvaluationCost:
        """Return the requests to both models together."""
        count = min(self._options.limit or examples, examples)
        return EvaluationCost(answers=count, longest=self._options.max_new_tokens, scores=2 * count)

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        asked = conversations("drift", data, self._options.limit)
        base = context.base()
        if base is None:
            return Report("drift", (), (), {"drift": "this is the base"})
        prompts = [example.prompt for example in asked]
        told = base.sample(prompts, self._options.max_new_tokens, MEASURED_AT, self._options.seed)
        asked, answers, missing = answered(asked, told)
        # of one that is empty because it was cut there is nothing to score
        drawn = [(e, a) for e, a in zip(asked, answers, strict=True) if a.text or a.finish_reason != "length"]
        said = [_saying(example, answer) for example, answer in drawn]
        if not said:
            raise Unanswered("drift: the base says nothing", next_step="raise drift.max_new_tokens")
        both = list(zip(said, base.score(said), target.score(said), strict=True))
        records = tuple(_record(*one) for one in both)
        scored = [(one, other) for _, one, other in both if not (one.error or other.error)]
        if not scored:
            raise Unanswered("drift: no answer was scored by both models")
        note = f"{len(scored)} answers drawn from the base, {sum(one.tokens for one, _ in scored)} tokens"
        return Report("drift", (_divergence(scored),), (*records, *missing), {"drift": note})


def _saying(example: Example, answer: Answer) -> Example:
    """Score an answer without its end token, which was not drawn if the answer was cut."""
    turns = (*example.messages[:-1], Message("assistant", answer.text))
    return evolve(example, messages=turns, open=answer.finish_reason == "length")


def _record(example: Example, before: Score, after: Score) -> dict[str, Any]:
    if error := before.error or after.error:
        return {"where": example.where, "error": error}
    nats = before.log_probability - after.log_probability
    told = {"where": example.where, "prompt": example.prompt.question, "answer": example.answer}
    return told | {"nats": nats, "tokens": before.tokens}


def _divergence(scored: Sequence[tuple[Score, Score]]) -> Metric:
    gaps = [one.log_probability - other.log_probability for one, other in scored]
    tokens, n = [one.tokens for one, _ in scored], len(gaps)
    value = math.fsum(gaps) / sum(tokens)
    rest = math.fsum((gap - value * count) ** 2 for gap, count in zip(gaps, tokens, strict=True))
    error = math.sqrt(rest * n / max(n - 1, 1)) / sum(tokens) if n > 1 else None
    return Metric("drift_kl", value, "nat", "lower", n, error)
