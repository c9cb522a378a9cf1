"""``diversity``: distinct n-grams and self-BLEU of answers.

Distinct n-grams: Li et al., A diversity-promoting objective function for neural conversation models, 2016.
Self-BLEU: Zhu et al., Texygen, 2018.
"""

import random
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypeVar

from ftctl.domain.evaluation_cost import EvaluationCost
from ftctl.domain.example import Example
from ftctl.domain.metric import Direction, Metric, mean_metric
from ftctl.domain.report import Report
from ftctl.plugin import option, options
from ftctl.ports import Evaluator, StageContext, Target, answered
from ftctl_plugins.evaluators.conversations import conversations
from ftctl_plugins.evaluators.words import words

ORDERS = (1, 2, 3)

T = TypeVar("T")


@options
class DiversityOptions:
    """Options of `Diversity`."""

    max_new_tokens: int = option(128, help="Maximum number of new tokens.", ge=1, le=65_536)
    limit: int | None = option(200, help="Measure only this many examples of the test split.", ge=2)
    references: int = option(20, help="Number of reference answers for self-BLEU.", ge=1, le=500)
    seed: int = option(1, help="Random seed of the drawn references.", ge=0)


class Diversity(Evaluator):
    """Measures greedy answers to the test split; a Chinese character is a token.

    All of them depend on how long answers are: compare models whose lengths are alike.
    """

    def __init__(self, options: DiversityOptions) -> None:
        self._options = options

    def asks(self, examples: int) -> EvaluationCost:
        return EvaluationCost(
            split=min(self._options.limit or examples, examples), longest=self._options.max_new_tokens
        )

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        asked = conversations("diversity", data, self._options.limit, fewest=2)
        told = target.generate([example.prompt for example in asked], self._options.max_new_tokens)
        asked, came, missing = answered(asked, told)
        answers = [answer.text for answer in came]
        tokens = [words(text) for text in answers]
        alone = [float(answers.count(text) == 1) for text in answers]
        alike = self._self_bleu(tokens)
        n = len(answers)
        metrics = (
            *(_figure(f"distinct_{order}", partial(_distinct, order), tokens, "share", "higher") for order in ORDERS),
            mean_metric("unique_answers", alone, unit="share", direction="higher"),
            mean_metric("self_bleu", alike, unit="bleu", direction="lower"),
            _figure("compression_ratio", _compression, answers, "ratio", "lower"),
        )
        records = tuple(
            {"where": e.where, "prompt": e.prompt.question, "answer": text, "unique_answers": single, "self_bleu": bleu}
            for e, text, single, bleu in zip(asked, answers, alone, alike, strict=True)
        )
        note = f"answers have {sum(map(len, tokens)) / n:.1f} tokens on average"
        return Report("diversity", metrics, records + missing, {"diversity": note})

    def _self_bleu(self, tokens: list[list[str]]) -> list[float]:
        """Return BLEU (0 to 100) of each answer against sampled others."""
        from sacrebleu.metrics import BLEU

        bleu, draw = BLEU(tokenize="none", effective_order=True), random.Random(self._options.seed)  # noqa: S311
        texts, found = [" ".join(words) for words in tokens], []
        for place, text in enumerate(texts):
            others = [other for number, other in enumerate(texts) if number != place]
            chosen = draw.sample(others, min(self._options.references, len(others)))
            found.append(float(bleu.sentence_score(text, chosen).score) if text else 100.0)
        return found


def _figure(
    name: str, figure: Callable[[Sequence[T]], float], answers: Sequence[T], unit: str, direction: Direction
) -> Metric:
    """Return a metric of all answers together, with its jackknife standard error."""
    from ftctl_adapters.statistics.bootstrap import figure_error

    error = figure_error(lambda places: figure([answers[place] for place in places]), len(answers))
    return Metric(name, figure(answers), unit, direction, len(answers), error)


def _distinct(order: int, tokens: Sequence[list[str]]) -> float:
    """Return distinct n-grams as a share of all; ``None`` without n-grams."""
    grams = [tuple(words[place : place + order]) for words in tokens for place in range(len(words) - order + 1)]
    return len(set(grams)) / len(grams) if grams else 0.0


def _compression(answers: Sequence[str]) -> float:
    packed = "\n".join(answers).encode()
    return len(packed) / max(len(zlib.compress(packed, 9)), 1)
