"""``attribution``: influence of question words on an answer, with checks."""

import random
from collections.abc import Sequence
from statistics import fmean
from typing import Any

from ftctl.domain.evaluation_cost import EvaluationCost
from ftctl.domain.example import Example
from ftctl.domain.metric import mean_metric
from ftctl.domain.report import Report
from ftctl.plugin import option, options
from ftctl.ports import Evaluator, StageContext, Target
from ftctl_adapters.modeling.attribution import Attributor
from ftctl_plugins.evaluators.white_box.probe_answers import ProbeAnswer, ask_for, spelled

BELIEVED = 0.01
"""How far scores may be from what they should add up to, as a share of it."""

ABLATED = "each word left out in turn: words that say the same hide each other"
REMOVED, DRAWS = 0.2, 5
"""Share of a question that is taken away, and how many random shares it is held against."""

METHODS = ("gradients", "ablation")


@options
class AttributionOptions:
    """Options of `AttributionEvaluator`."""

    method: str = option(
        "gradients", help="Integrated gradients, or ablation: each word left out in turn.", choices=METHODS
    )
    limit: int = option(8, help="Number of test examples.", ge=1)
    steps: int = option(64, help="Points of the path from the baseline to the question.", ge=2, le=1024)
    baseline: str = option("mean", help="Embedding of a removed word: the mean, or zero.", choices=("mean", "zero"))
    max_new_tokens: int = option(16, help="Maximum number of new tokens.", ge=1, le=4096)
    seed: int = option(1, help="Random seed.", ge=0)


class AttributionEvaluator(Evaluator):
    """Measures integrated gradients of the answer's log-probability, or leave-one-out; the report has a heat map.

    ``completeness_error`` is how far the scores are from what they should add up to (the mean over examples, relative);
    ``deletion`` is the share of examples whose answer becomes less probable without the fifth of the question that has
    the highest scores than without a random fifth. Scores that fail these explain nothing. What words are worth
    one by one need not add up to anything, so that ablation has no such error.
    """

    def __init__(self, options: AttributionOptions) -> None:
        self._options = options

    def asks(self, examples: int) -> EvaluationCost:
        return EvaluationCost(
            split=min(self._options.limit or examples, examples), longest=self._options.max_new_tokens
        )

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        inside = target.inside()
        asked, missing = ask_for(target, inside, data, self._options.limit, self._options.max_new_tokens, "attribution")
        attributor = Attributor(inside.model, self._options.baseline, self._options.steps)
        records = []
        for one in asked:
            context.stop_if_cancelled()
            records.append(self._record(attributor, inside.tokenizer, one))
        errors = [one["completeness_error"] for one in records if "completeness_error" in one]
        deletion = mean_metric("deletion", [one["deletion"] for one in records], unit="share", direction="higher")
        if not errors:
            return Report("attribution", (deletion,), (*records, *missing), {"attribution": ABLATED})
        metrics = (mean_metric("completeness_error", errors, unit="ratio", direction="lower"), deletion)
        note = _note(errors, self._options.baseline)
        return Report("attribution", metrics, (*records, *missing), {"attribution": note})

    def _record(self, attributor: Attributor, tokenizer: Any, one: ProbeAnswer) -> dict[str, Any]:
        question, said = one.question, one.said
        if self._options.method == "ablation":
            scores, error = attributor.ablate(question, said), {}
        else:
            found = attributor.attribute(question, said)
            scores, error = found.scores, {"completeness_error": found.error}
        count = max(1, round(REMOVED * len(question)))
        top = sorted(range(len(question)), key=lambda place: -scores[place])[:count]
        draw = random.Random(f"{self._options.seed} {one.example.content_digest}")  # noqa: S311
        chance = [draw.sample(range(len(question)), count) for _ in range(DRAWS)]
        without = [attributor.without(question, said, places) for places in (top, *chance)]
        return one.record() | {
            **error, "deletion": float(without[0] < fmean(without[1:])),
            "tokens": spelled(tokenizer, question), "scores": list(scores),
        }  # fmt: skip


def _note(errors: Sequence[float], baseline: str) -> str:
    worst = max(errors)
    if worst <= BELIEVED:
        return f"scores add up to within {worst:.2%}"
    # norms divide by the size of what they see: from nothing at all the path needs far more steps
    step = "take the baseline mean, or more steps" if baseline == "zero" else "take more steps"
    return f"scores are up to {worst:.1%} from what they should add up to: these explain nothing; {step}"
