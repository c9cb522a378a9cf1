"""``perplexity``: how surprised the model is by the expected answers."""

import math
from collections.abc import Sequence

from ftctl.domain.example import Example
from ftctl.domain.metric import Metric
from ftctl.domain.report import Report
from ftctl.plugin import option, options
from ftctl.ports import Evaluator, Score, StageContext, Target


@options
class PerplexityOptions:
    limit: int | None = option(None, help="Measure only this many examples of the test split.", ge=1)


class Perplexity(Evaluator):
    """exp of the mean of -log p over all scored tokens (the last answers; of raw text, all), unit: token."""

    def __init__(self, options: PerplexityOptions) -> None:
        self._options = options

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        chosen = list(data[: self._options.limit])
        scores = target.score(chosen)
        records = tuple(
            {"where": e.where, "log_probability": s.log_probability, "tokens": s.tokens}
            for e, s in zip(chosen, scores, strict=True)
        )
        tokens, characters = (sum(getattr(s, key) for s in scores) for key in ("tokens", "characters"))
        nats = -math.fsum(s.log_probability for s in scores)
        perplexity, stderr = _perplexity(scores, nats, tokens)
        n = len(scores)
        return Report(
            "perplexity",
            (
                Metric("perplexity", perplexity, "token", "lower", n, stderr),
                Metric("bits_per_character", nats / math.log(2) / max(characters, 1), "bit", "lower", n),
            ),
            records,
            {"perplexity": f"over {tokens} tokens of {n} examples"},
        )


def _perplexity(scores: Sequence[Score], nats: float, tokens: int) -> tuple[float, float]:
    """The value and its standard error by the delta method for a ratio of sums over examples."""
    mean = nats / max(tokens, 1)
    value = math.exp(min(mean, 700.0))
    n = len(scores)
    if n < 2:
        return value, 0.0
    residuals = math.fsum((-s.log_probability - mean * s.tokens) ** 2 for s in scores)
    return value, value * math.sqrt(residuals * n / (n - 1)) / max(tokens, 1)
