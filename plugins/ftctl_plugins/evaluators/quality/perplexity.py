"""``perplexity``: perplexity of the expected answers."""

import math
from collections.abc import Callable, Iterator, Sequence

from ftctl.domain.evaluation_cost import EvaluationCost
from ftctl.domain.example import Example
from ftctl.domain.metric import Metric
from ftctl.domain.report import Report
from ftctl.plugin import option, options
from ftctl.ports import Evaluator, Score, StageContext, Target, answered

HIGHEST = 700.0
"""Of an exponent that a float64 holds."""

UNITS: dict[str, Callable[[str], int]] = {
    "word": lambda text: len(text.split()),
    "byte": lambda text: len(text.encode("utf-8", "surrogatepass")),
}
"""How many a text has; words as lm-evaluation-harness counts them, between blanks."""


@options
class PerplexityOptions:
    """Options of `Perplexity`."""

    more: tuple[str, ...] = option(
        (), help="Further figures: `word` perplexity, `byte` perplexity with bits per byte.", choices=tuple(UNITS)
    )
    limit: int | None = option(None, help="Measure only this many examples of the test split.", ge=1)


class Perplexity(Evaluator):
    """Measures exp of the mean -log p over all scored tokens (last answers; all of raw text), unit: token."""

    def __init__(self, options: PerplexityOptions) -> None:
        self._options = options

    def asks(self, examples: int) -> EvaluationCost:
        return EvaluationCost(scores=min(self._options.limit or examples, examples))

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        asked = list(data[: self._options.limit])
        chosen, scores, missing = answered(asked, target.score(asked))
        records = tuple(
            {"where": e.where, "log_probability": s.log_probability, "tokens": s.tokens}
            for e, s in zip(chosen, scores, strict=True)
        )
        tokens = sum(score.tokens for score in scores)
        nats, nats_error = _ratio(scores, [score.tokens for score in scores])
        bits, bits_error = (one / math.log(2) for one in _ratio(scores, [score.characters for score in scores]))
        value = math.exp(min(nats, HIGHEST))
        n = len(scores)
        texts = [example.answer for example in chosen]
        return Report(
            "perplexity",
            (
                Metric("perplexity", value, "token", "lower", n, value * nats_error, least=1.0),
                Metric("bits_per_character", bits, "bit", "lower", n, bits_error),
                *(metric for unit in self._options.more for metric in _per(unit, scores, texts)),
            ),
            records + missing,
            {"perplexity": f"over {tokens} tokens of {n} examples"},
        )


def _per(unit: str, scores: Sequence[Score], texts: Sequence[str]) -> Iterator[Metric]:
    nats, error = _ratio(scores, [UNITS[unit](text) for text in texts])
    value = math.exp(min(nats, HIGHEST))
    yield Metric(f"{unit}_perplexity", value, unit, "lower", len(scores), value * error, least=1.0)
    if unit == "byte":
        yield Metric("bits_per_byte", nats / math.log(2), "bit", "lower", len(scores), error / math.log(2))


def _ratio(scores: Sequence[Score], sizes: Sequence[int]) -> tuple[float, float]:
    """Return -log p per token, or per unit of ``sizes``, over all examples, and its standard error.

    The error is that of a ratio of two sums over examples, by the delta method.
    """
    nats = [-score.log_probability for score in scores]
    total, n = max(sum(sizes), 1), len(scores)
    mean = math.fsum(nats) / total
    if n < 2:
        return mean, 0.0
    residuals = math.fsum((value - mean * size) ** 2 for value, size in zip(nats, sizes, strict=True))
    return mean, math.sqrt(residuals * n / (n - 1)) / total
