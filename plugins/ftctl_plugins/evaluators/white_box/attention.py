"""``attention``: attention of answers to their questions."""

from collections.abc import Sequence

from ftctl.domain.evaluation_cost import EvaluationCost
from ftctl.domain.example import Example
from ftctl.domain.metric import Metric, mean_metric
from ftctl.domain.report import Report
from ftctl.plugin import option, options
from ftctl.ports import Evaluator, StageContext, Target
from ftctl.ports.evaluator import EvaluatorError
from ftctl_adapters.modeling.attention import look
from ftctl_plugins.evaluators.white_box.probe_answers import ask_for, spelled

BELIEVED = 0.02
"""How far from 1 the weights of one place may be in sum; bfloat16 rounds to one part in 256."""


@options
class AttentionOptions:
    """Options of `AttentionEvaluator`."""

    limit: int = option(8, help="Number of test examples.", ge=1)
    max_new_tokens: int = option(16, help="Maximum number of new tokens.", ge=1, le=4096)


class AttentionEvaluator(Evaluator):
    """Measures the attention of answer tokens; the report shows it on the question's words.

    ``attention_sink`` is the share that goes to the first place, ``attention_entropy`` how widely it is spread, in
    bits: means over blocks, heads and tokens, which describe and are neither good nor bad. Attention is no explanation:
    what an answer depends on is asked by `attribution`. ``attention_error`` is how far weights are from 1 in sum.
    """

    def __init__(self, options: AttentionOptions) -> None:
        self._options = options

    def asks(self, examples: int) -> EvaluationCost:
        return EvaluationCost(
            split=min(self._options.limit or examples, examples), longest=self._options.max_new_tokens
        )

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        inside = target.inside()
        asked, missing = ask_for(target, inside, data, self._options.limit, self._options.max_new_tokens, "attention")
        records, errors = [], []
        for one in asked:
            context.stop_if_cancelled()
            try:
                found = look(inside.model, one.question, one.said)
            except ValueError as error:
                raise EvaluatorError(f"nobody sees its attention: {error}", next_step="leave it out") from error
            errors.append(found.row_error)
            tokens = spelled(inside.tokenizer, one.question)
            figures = {"attention_sink": found.sink, "attention_entropy": found.entropy}
            records.append(one.record() | figures | {"tokens": tokens, "scores": list(found.scores)})
        sinks, entropies = ([one[name] for one in records] for name in ("attention_sink", "attention_entropy"))
        metrics = (
            Metric("attention_error", max(errors), "absolute", "lower", len(errors)),
            mean_metric("attention_sink", sinks, unit="share", direction="neither"),
            mean_metric("attention_entropy", entropies, unit="bit", direction="neither"),
        )
        return Report("attention", metrics, (*records, *missing), {"attention": _note(max(errors))})


def _note(error: float) -> str:
    if error <= BELIEVED:
        return f"weights add up to 1 within {error:.1g}"
    return f"weights are up to {error:.2g} from 1 in sum: what is read is not this model's attention, believe none"
