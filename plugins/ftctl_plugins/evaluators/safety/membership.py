"""``membership``: whether training rows can be told from others by their loss.

Yeom, Giacomelli, Fredrikson and Jha, Privacy risk in machine learning: analyzing the connection to overfitting, 2018.
"""

import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from ftctl.domain.evaluation_cost import EvaluationCost
from ftctl.domain.example import Example
from ftctl.domain.metric import Metric
from ftctl.domain.report import Report
from ftctl.domain.reservoir import reservoir
from ftctl.errors import NoUsableRows
from ftctl.plugin import option, options
from ftctl.ports import Evaluator, Score, StageContext, Target, answered


@options
class MembershipOptions:
    """Options of `Membership`."""

    limit: int = option(200, help="Rows of each split; train rows are drawn at random.", ge=2)
    seed: int = option(1, help="Random seed.", ge=0)


class Membership(Evaluator):
    """Measures ``membership_auc``, how often a training row is more probable, a token, than a test row.

    Half of the time where nobody can tell them apart, or where the splits are unlike to begin with: hold it against the
    base. Its standard error is that of Hanley and McNeil, The meaning and use of the area under a ROC curve, 1982.
    """

    def __init__(self, options: MembershipOptions) -> None:
        self._options = options

    def asks(self, examples: int) -> EvaluationCost:
        return EvaluationCost(scores=self._options.limit + min(self._options.limit, examples))

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        limit, draw = self._options.limit, random.Random(self._options.seed)  # noqa: S311
        members, others = reservoir(context.training(), limit, draw), list(data[:limit])
        if not members or not others:
            text = "membership needs rows of the train split and of the test split"
            raise NoUsableRows(text, next_step="give both a share: data_source.split")
        members, known, unscored = answered(members, target.score(members))
        others, new, missing = answered(others, target.score(others))
        inside, outside = sorted(map(_by_token, known)), [_by_token(score) for score in new]
        auc = sum(_above(inside, value) for value in outside) / len(outside)
        error = _error(auc, len(inside), len(outside))
        records = tuple({"where": example.where, "log_probability_by_token": value}
                        for example, value in zip(others, outside, strict=True))  # fmt: skip
        metric = Metric("membership_auc", auc, "share", "lower", len(others), error)
        note = f"{len(inside)} rows that were trained on, {len(others)} that were not"
        # a place in one split may be one in the other, too
        unscored = tuple(one | {"where": f"{one['where']}, trained on"} for one in unscored)
        return Report("membership", (metric,), records + missing + unscored, {"membership": note})


def _by_token(score: Score) -> float:
    return score.log_probability / max(score.tokens, 1)


def _above(inside: Sequence[float], value: float) -> float:
    """Return the share of sorted values above it; ties count half."""
    low, high = bisect_left(inside, value), bisect_right(inside, value)
    return (len(inside) - high + (high - low) / 2) / len(inside)


def _error(auc: float, members: int, others: int) -> float:
    once, twice = auc / (2 - auc), 2 * auc * auc / (1 + auc)
    spread = auc * (1 - auc) + (members - 1) * (once - auc * auc) + (others - 1) * (twice - auc * auc)
    return math.sqrt(max(spread, 0.0) / (members * others))
