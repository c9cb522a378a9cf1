"""Estimate an evaluation's requests and tokens, and its duration from a measured throughput."""

from collections.abc import Iterable

from attrs import field, frozen


@frozen
class EvaluationCost:
    """Upper bounds of an evaluator's requests: ``answers`` to questions of its own, to the first ``split`` of the test
    split, and ``scores``.

    Each answer has ``longest`` tokens at most. Evaluators whose answers may be as long share those to the test split.
    """

    answers: int = 0
    split: int = 0
    longest: int = 0
    scores: int = 0


@frozen
class RequestTotals:
    """Requests of several evaluators together; ``silent`` names those that do not tell theirs."""

    answers: int
    tokens: int
    scores: int
    silent: tuple[str, ...] = field(default=())


def total_requests(found: Iterable[tuple[str, EvaluationCost | None]]) -> RequestTotals:
    """Add up the requests of evaluators, by name; answers that they share count once."""
    shared: dict[int, int] = {}
    answers = tokens = scores = 0
    silent = []
    for name, one in found:
        if one is None:
            silent.append(name)
            continue
        answers, scores = answers + one.answers, scores + one.scores
        tokens += one.answers * one.longest
        shared[one.longest] = max(shared.get(one.longest, 0), one.split)
    answers += sum(shared.values())
    tokens += sum(longest * count for longest, count in shared.items())
    return RequestTotals(answers, tokens, scores, tuple(silent))


@frozen
class Throughput:
    """Measured throughput of a model on this machine; ``None`` where it was not measured."""

    tokens_per_second: float | None = None
    scores_per_second: float | None = None

    def seconds(self, asked: RequestTotals) -> float | None:
        """Estimate the duration in seconds; ``None`` if a rate or a cost is unknown."""
        if asked.silent or not (asked.tokens or asked.scores):
            return None
        times = ((asked.tokens, self.tokens_per_second), (asked.scores, self.scores_per_second))
        if any(count and not rate for count, rate in times):
            return None
        return sum(count / rate for count, rate in times if count and rate)
