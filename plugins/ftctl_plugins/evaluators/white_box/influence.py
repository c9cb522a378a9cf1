"""``influence``: training examples with the most similar gradients."""

import random
from collections.abc import Sequence
from typing import Any

from attrs import evolve

from ftctl.domain.evaluation_cost import EvaluationCost
from ftctl.domain.example import Example
from ftctl.domain.metric import mean_metric
from ftctl.domain.report import Report
from ftctl.domain.reservoir import reservoir
from ftctl.errors import LabelsInvalid, NoUsableRows
from ftctl.plugin import option, options
from ftctl.ports import Evaluator, LoadedModel, StageContext, Target
from ftctl.ports.evaluator import EvaluatorError
from ftctl_adapters.modeling.influence import Gradients
from ftctl_adapters.modeling.labels import encode_example
from ftctl_adapters.records.noise import NOISES, touched

TYPOS = 0.05
"""Share of a question's characters that are mistyped where it must be found again."""


@options
class InfluenceOptions:
    """Options of `InfluenceEvaluator`."""

    limit: int = option(8, help="Number of test examples.", ge=1)
    candidates: int = option(256, help="Number of training examples, drawn at random.", ge=2)
    max_length: int = option(1024, help="Examples of more tokens are left out.", ge=16)
    nearest: int = option(5, help="Number of training examples to report for each.", ge=1, le=100)
    seed: int = option(1, help="Random seed.", ge=0)


class InfluenceEvaluator(Evaluator):
    """Compares gradients of the last block by cosine, of the loss of expected answers.

    ``influence_found`` is the least that must hold: training examples are asked for with mistyped questions and their
    own answers, and this is the share that is found again before all others. ``influence_nearest`` is the mean cosine
    of the nearest one, which describes and is neither good nor bad. What is near would have moved the model alike; that
    it taught the model its answer is not said.
    """

    def __init__(self, options: InfluenceOptions) -> None:
        self._options = options

    def asks(self, examples: int) -> EvaluationCost:
        return EvaluationCost()

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        import torch

        inside, draw = target.inside(), random.Random(self._options.seed)  # noqa: S311
        drawn, first = reservoir(context.training(), self._options.candidates, draw), data[: self._options.limit]
        known, asked = ([one for one in rows if self._fits(inside, one)] for rows in (drawn, first))
        if len(known) < 2 or not asked:
            text = f"influence needs two training examples and one other, of at most {self._options.max_length} tokens"
            raise NoUsableRows(text, next_step="raise evaluators.influence.max_length, or give more rows")
        try:
            gradients = Gradients(inside.model, self._options.seed)
        except ValueError as error:
            raise EvaluatorError(f"nobody sees its gradients: {error}", next_step="leave it out") from error

        def sketched(examples: Sequence[Example]) -> Any:
            found = []
            for example in examples:
                context.stop_if_cancelled()
                found.append(gradients.of(encode_example(inside.tokenizer, example, "last_answer")))
            return torch.stack(found)

        pulls = sketched(known)
        places = draw.sample(range(len(known)), min(len(asked), len(known)))
        again = (sketched([_mistyped(known[place], draw) for place in places]) @ pulls.T).argmax(1).tolist()
        cosines = (sketched(asked) @ pulls.T).clamp(-1.0, 1.0)
        records = [self._record(one, row, known) for one, row in zip(asked, cosines, strict=True)]
        found = [float(one == place) for one, place in zip(again, places, strict=True)]
        metrics = (
            mean_metric("influence_found", found, unit="share", direction="higher"),
            mean_metric("influence_nearest", cosines.max(1).values.tolist(), unit="cosine", direction="neither"),
        )
        note = f"{sum(found):.0f} of {len(found)} mistyped training examples found among {len(known)}"
        left_out = len(drawn) + len(first) - len(known) - len(asked)
        note += f"; {left_out} examples are too long or have no answer to train" if left_out else ""
        return Report("influence", metrics, tuple(records), {"influence": note})

    def _fits(self, inside: LoadedModel, example: Example) -> bool:
        """Return False if it is too long, or has no trainable answer."""
        try:
            return len(encode_example(inside.tokenizer, example, "last_answer").ids) <= self._options.max_length
        except LabelsInvalid:
            return False

    def _record(self, example: Example, cosines: Any, known: Sequence[Example]) -> dict[str, Any]:
        best = cosines.topk(min(self._options.nearest, len(known)))
        nearest = [
            {"where": known[place].where, "cosine": value, "prompt": _question(known[place]),
             "answer": known[place].answer}
            for value, place in zip(best.values.tolist(), best.indices.tolist(), strict=True)
        ]  # fmt: skip
        return {"where": example.where, "prompt": _question(example), "expected": example.answer,
                "influence_nearest": float(best.values[0]), "nearest": nearest}  # fmt: skip


def _question(example: Example) -> str:
    return example.prompt.question if example.messages else ""


def _mistyped(example: Example, draw: random.Random) -> Example:
    """Return the example with typing errors in its last question, or raw text."""
    if not example.messages:
        return evolve(example, text=touched(example.text, NOISES["typo"], draw, TYPOS))
    turns = list(example.messages)
    place = max((at for at, turn in enumerate(turns[:-1]) if turn.role == "user"), default=0)
    turns[place] = evolve(turns[place], content=touched(turns[place].content, NOISES["typo"], draw, TYPOS))
    return evolve(example, messages=tuple(turns))
