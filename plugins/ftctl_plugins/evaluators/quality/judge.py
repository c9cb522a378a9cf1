"""``judge``: win rate by a judge model, with checks of the judge."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import fmean
from typing import Any

from attrs import evolve

from ftctl.domain.evaluation_cost import EvaluationCost
from ftctl.domain.example import Example
from ftctl.domain.metric import Metric, extreme_metric, mean_metric
from ftctl.domain.report import Report
from ftctl.domain.statistics.proportion import away_from_even
from ftctl.errors import Unanswered
from ftctl.plugin import option, options
from ftctl.ports import Answer, Evaluator, StageContext, Target, answered
from ftctl_adapters.serving.batch_client import Asker
from ftctl_adapters.serving.retry import NoAnswer
from ftctl_plugins.endpoint_options import AskingOptions, asker
from ftctl_plugins.evaluators.conversations import conversations
from ftctl_plugins.pairwise_judge import JUDGES, VERDICT_TOKENS, preferred

FIRST, SECOND, NEITHER = "A", "B", "C"
WORTH = {FIRST: 1.0, SECOND: 0.0, NEITHER: 0.5}
CHANCE = 0.5
"""In which share of pairs a coin says the same in both orders: the lower bound of a judge must be above."""


@options
class JudgeOptions(AskingOptions):
    """Options of `Judge`."""

    language: str = option(
        "en", help="Language of the judge's prompt, unless a rubric is given.", choices=tuple(JUDGES)
    )
    rubric: str = option("", help="Prompt of the judge; it must ask for A, B or C.")
    votes: int = option(1, help="Votes for each order, each with another seed.", ge=1, le=9)
    temperature: float = option(0.0, help="Sampling temperature of the judge; above 0 with several votes.", ge=0, le=2)
    concurrency: int = option(4, help="Concurrent requests.", ge=1, le=256)
    max_failure_rate: float = option(
        0.1, help="Share of verdicts that may fail or not be understood; above it, no metric is reported.", ge=0, lt=0.5
    )
    max_new_tokens: int = option(256, help="Maximum number of new tokens.", ge=1, le=65_536)
    limit: int | None = option(100, help="Measure only this many examples of the test split.", ge=1)


class Judge(Evaluator):
    """Compares the model's answer with the expected one in both orders; a verdict that changes with the order is a tie.

    Beside the rate stands what the judge is worth: how often it says the same in both orders, how much it prefers a
    place, how often it agrees with itself, how often it says nothing that is understood. Of a judge that is not surely
    more consistent than a coin no rate is told, and a gate on it fails.
    """

    def __init__(self, options: JudgeOptions) -> None:
        self._options = options
        self._rubric = options.rubric or JUDGES[options.language]

    def asks(self, examples: int) -> EvaluationCost:
        return EvaluationCost(
            split=min(self._options.limit or examples, examples), longest=self._options.max_new_tokens
        )

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        asked = conversations("judge", data, self._options.limit)
        told = target.generate([example.prompt for example in asked], self._options.max_new_tokens)
        asked, answers, missing = answered(asked, told)
        judge = asker(self._options, context, VERDICT_TOKENS, self._options.temperature)
        with ThreadPoolExecutor(self._options.concurrency) as threads:
            found = list(threads.map(lambda one: self._verdicts(judge, *one), zip(asked, answers, strict=True)))
        records = [_record(e, a, *said) for e, a, said in zip(asked, answers, found, strict=True)]
        self._refuse_silence(records)
        metrics, note = _figures(records, self._options.votes)
        return Report("judge", tuple(metrics), (*records, *missing), {"judge": note})

    def _verdicts(self, judge: Asker, example: Example, answer: Answer) -> tuple[list[str], list[str]]:
        """Return the verdicts with the answer first and second; empty for one that was not understood."""
        turns, texts = example.messages[:-1], (answer.text, example.answer)
        return self._votes(judge, turns, *texts), self._votes(judge, turns, *texts[::-1])

    def _votes(self, judge: Asker, turns: Any, first: str, second: str) -> list[str]:
        said = []
        for vote in range(self._options.votes):
            try:
                more = {"seed": vote} if self._options.votes > 1 else {}
                said.append(preferred(judge, self._rubric, turns, first, second, **more))
            except NoAnswer:
                said.append("")
        return said

    def _refuse_silence(self, records: Sequence[dict[str, Any]]) -> None:
        verdicts = [verdict for one in records for order in one["verdicts"] for verdict in order]
        failed = verdicts.count("")
        if failed > self._options.max_failure_rate * len(verdicts):
            text = f"judge: {failed} of {len(verdicts)} verdicts of {self._options.model} did not come or said none of "
            text += f"A, B, C, more than max_failure_rate {self._options.max_failure_rate} allows"
            raise Unanswered(text, next_step="choose another judge, or a rubric that asks for one letter")


def _record(example: Example, answer: Answer, first: list[str], second: list[str]) -> dict[str, Any]:
    """Return a record: an answer wins if it wins in both orders."""
    here, there = _majority(first), _majority(second)
    told: dict[str, Any] = {
        "where": example.where, "prompt": example.prompt.question, "expected": example.answer, "answer": answer.text,
        "verdicts": [first, second], "judge_failed": float("" in first + second),
    }  # fmt: skip
    if here and there:
        same = here == {FIRST: SECOND, SECOND: FIRST}.get(there, there)
        told |= {"judge_win_rate": WORTH[here] if same else 0.5, "judge_consistent": float(same)}
    return told


def _majority(votes: list[str]) -> str:
    """Return the majority of the understood votes, else a tie; empty if none was understood."""
    said = [vote for vote in votes if vote]
    most = max(said, key=said.count, default="")
    return most if 2 * said.count(most) > len(said) or not said else NEITHER


def _agreed(orders: Sequence[Sequence[str]]) -> list[float]:
    """Return, for each order with all votes understood, whether they are equal."""
    return [float(len(set(order)) == 1) for order in orders if all(order)]


def _figures(records: Sequence[dict[str, Any]], votes: int) -> tuple[list[Metric], str]:
    def mean(name: str, direction: Any) -> Metric:
        return mean_metric(name, [one[name] for one in records if name in one], unit="share", direction=direction)

    chosen = [[vote for order in one["verdicts"] for vote in order if vote in (FIRST, SECOND)] for one in records]
    # verdicts about one pair of answers are no independent ones
    pairs = [votes.count(FIRST) / len(votes) for votes in chosen if votes]
    first = sum(pairs) / len(pairs) if pairs else 0.5
    consistent = mean("judge_consistent", "higher")
    metrics = [consistent, mean("judge_failed", "lower")]
    bounds = away_from_even(sum(pairs), len(pairs))
    bias = abs(2 * first - 1)
    metrics.append(extreme_metric("judge_position_bias", bias, bounds, unit="share", direction="lower", n=len(records)))
    note = f"the first place was preferred in {first:.0%} of {len(pairs)} pairs with a verdict for one of both"
    if votes > 1:
        agreed = [fmean(same) for one in records if (same := _agreed(one["verdicts"]))] or [0.0]
        told = mean_metric("judge_self_agreement", agreed, unit="share", direction="higher")
        metrics.append(evolve(told, n=len(records)))
    if (consistent.low or 0.0) <= CHANCE:
        return (
            metrics,
            f"{note}; unusable: it says the same in both orders of {consistent.value:.0%} of the pairs alone",
        )
    return [mean("judge_win_rate", "higher"), *metrics], note
