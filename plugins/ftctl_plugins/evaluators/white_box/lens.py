"""``lens``: predictions of each block (logit lens), and the depth at which answers are decided."""

from collections.abc import Sequence
from statistics import fmean
from typing import Any

from ftctl.domain.evaluation_cost import EvaluationCost
from ftctl.domain.example import Example
from ftctl.domain.metric import Metric, mean_metric
from ftctl.domain.report import Report
from ftctl.plugin import option, options
from ftctl.ports import Evaluator, StageContext, Target
from ftctl.ports.evaluator import EvaluatorError
from ftctl_adapters.modeling.lens import Depths, Lens
from ftctl_plugins.evaluators.white_box.probe_answers import ProbeAnswer, ask_for

BELIEVED = 0.01
"""Nats that the last block may be from what the model says."""


@options
class LensOptions:
    """Options of `LensEvaluator`."""

    limit: int = option(8, help="Number of test examples.", ge=1)
    max_new_tokens: int = option(16, help="Maximum number of new tokens.", ge=1, le=4096)


class LensEvaluator(Evaluator):
    """Decodes hidden states after each block by the model's last norm and head.

    ``lens_settled`` is the mean share of blocks after which a token's choice stays what it is, ``lens_half`` the
    divergence in nats of what the middle block would say from what the model says. Both describe, and are neither good
    nor bad. ``lens_error`` is the divergence of the last block, which must be nothing: where it is not, the model does
    more behind its blocks than a norm and a head, and the rest means nothing.
    """

    def __init__(self, options: LensOptions) -> None:
        self._options = options

    def asks(self, examples: int) -> EvaluationCost:
        return EvaluationCost(
            split=min(self._options.limit or examples, examples), longest=self._options.max_new_tokens
        )

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        inside = target.inside()
        asked, missing = ask_for(target, inside, data, self._options.limit, self._options.max_new_tokens, "lens")
        try:
            lens = Lens(inside.model)
        except ValueError as error:
            raise EvaluatorError(f"this model has no lens: {error}", next_step="leave `lens` out") from error
        records, errors = [], []
        for one in asked:
            context.stop_if_cancelled()
            depths = lens.look(one.question, one.said)
            errors.append(depths.layers[-1].divergence)
            records.append(_record(one, depths, inside.tokenizer))
        metrics = (
            Metric("lens_error", max(errors), "nat", "lower", len(errors)),
            mean_metric("lens_settled", [one["lens_settled"] for one in records], unit="depth", direction="neither"),
            mean_metric("lens_half", [one["lens_half"] for one in records], unit="nat", direction="neither"),
        )
        return Report("lens", metrics, (*records, *missing), {"lens": _note(max(errors))})


def _record(one: ProbeAnswer, depths: Depths, tokenizer: Any) -> dict[str, Any]:
    shown = [{"tokens": [tokenizer.decode([token]) for token in layer.chosen], "probability": list(layer.probability)}
             for layer in depths.layers]  # fmt: skip
    half = depths.layers[(len(depths.layers) - 1) // 2]
    return one.record() | {
        "lens_settled": fmean(depths.settled), "lens_half": half.divergence, "layers": shown,
        "divergence": [layer.divergence for layer in depths.layers],
    }  # fmt: skip


def _note(error: float) -> str:
    if error <= BELIEVED:
        return f"the last block says what the model says, to {error:.1g} nats"
    return f"the last block is {error:.2g} nats from what the model says: its blocks are not read rightly, believe none"
