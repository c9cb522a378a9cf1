"""``robust``: change of answers when questions are perturbed."""

import random
from collections.abc import Sequence
from typing import Any

from attrs import evolve

from ftctl.domain.evaluation_cost import EvaluationCost
from ftctl.domain.example import Example, Prompt
from ftctl.domain.metric import Direction, Metric, mean_metric
from ftctl.domain.report import Report
from ftctl.errors import ConfigInvalid, Unanswered
from ftctl.plugin import option, options
from ftctl.ports import Evaluator, StageContext, Target, answered
from ftctl_plugins.evaluators.conversations import conversations
from ftctl_plugins.evaluators.exact_match import token_f1
from ftctl_plugins.evaluators.robustness.question_changes import CHANGES
from ftctl_plugins.evaluators.robustness.robust_attack import Attacked, attack

TRIES = 6
"""Of a change that touched nothing, each at twice the rate before."""


WHOLE = frozenset({"filler", "paraphrase", "spacing"})
"""Ways that say nothing of a single word."""

FIGURES: dict[str, Direction] = {
    "robust_clean": "higher",
    "robust_worst": "higher",
    "robust_consistency": "higher",
    "robust_drop": "lower",
}


@options
class RobustOptions:
    """Options of `Robust`."""

    kinds: tuple[str, ...] = option(
        ("typo", "swap", "case", "spacing", "ocr", "homoglyph", "filler", "paraphrase", "traditional"),
        help="Perturbations to apply, one at a time.",
        choices=tuple(CHANGES),
    )
    rate: float = option(0.05, help="Share of the characters that are touched.", gt=0, le=0.5)
    attack: int = option(
        0,
        help="Query budget an example of the word-substitution attack; 0: none.",
        ge=0,
        le=10_000,
    )
    max_new_tokens: int = option(128, help="Maximum number of new tokens.", ge=1, le=65_536)
    limit: int | None = option(50, help="Measure only this many examples of the test split.", ge=1)
    seed: int = option(1, help="Random seed.", ge=0)


class Robust(Evaluator):
    """Measures token F1 of the test split's questions, original and perturbed.

    ``robust_clean`` and ``robust_worst`` are the means of an example's F1 unchanged and under the change that hurts it
    most; ``robust_drop`` is what lies between; ``robust_consistency`` is how many changed questions are answered to the
    letter as the unchanged one.

    With ``attack``, the change is looked for: word by word, from the one that hurts most on, until the F1 is half of
    what it was. ``robust_attack_success`` is the share of examples with an F1 above 0 in which one is found,
    ``robust_attack_queries`` how many questions were asked on average.
    """

    def __init__(self, options: RobustOptions) -> None:
        if options.attack and not _ways(options):
            raise ConfigInvalid("robust.attack changes words, and none of robust.kinds does", next_step="add `typo`")
        self._options = options

    def asks(self, examples: int) -> EvaluationCost:
        count = min(self._options.limit or examples, examples)
        changed = count * (len(self._options.kinds or CHANGES) + self._options.attack)
        return EvaluationCost(answers=changed, split=count, longest=self._options.max_new_tokens)

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        asked = conversations("robust", data, self._options.limit)
        kinds = self._options.kinds or tuple(CHANGES)
        changed = [{kind: self._changed(example, kind) for kind in kinds} for example in asked]
        # a question without spaces or Latin letters cannot be changed in every way
        kept = [{k: p for k, p in one.items() if p != e.prompt} for e, one in zip(asked, changed, strict=True)]
        prompts = [prompt for e, one in zip(asked, kept, strict=True) for prompt in (e.prompt, *one.values())]
        told = iter(target.generate(prompts, self._options.max_new_tokens))
        groups = [[next(told) for _ in range(1 + len(one))] for one in kept]
        records = [
            _record(e, group[0].text, {k: answer.text for k, answer in zip(one, group[1:], strict=True)})
            for e, one, group in zip(asked, kept, groups, strict=True)
            if not any(a.error for a in group)
        ]
        if not records:
            raise Unanswered("robust: of no example were all its questions answered")
        attacked = self._attack(target, {e.where: e for e in asked}, records)
        first = [next((answer for answer in group if answer.error), group[0]) for group in groups]
        *_, missing = answered(asked, first)
        metrics = tuple(
            mean_metric(name, [one[name] for one in records], unit="share", direction=direction)
            for name, direction in FIGURES.items()
        )
        metrics += _attacked(attacked) if attacked else ()
        note = _by_kind(records, kinds)
        if self._options.attack:
            right = sum(one["robust_clean"] > 0 for one in records)
            note += f"; {len(attacked)} of {right} that were answered rightly in part could be attacked to the end"
        return Report("robust", metrics, (*records, *missing), {"robust": note})

    def _attack(
        self, target: Target, examples: dict[str, Example], records: Sequence[dict[str, Any]]
    ) -> list[Attacked]:
        """Attack the examples that were answered, and add the outcome to their records."""
        wanted = self._options
        if not wanted.attack:
            return []
        asked = [(examples[one["where"]], float(one["robust_clean"])) for one in records]
        told = attack(target, asked, _ways(wanted), wanted.attack, wanted.max_new_tokens, wanted.seed)
        # who could not be attacked to the end has not held
        by_place = {one.example.where: one for one in told if not one.gone or one.success}
        for record in records:
            if one := by_place.get(record["where"]):
                record.update(robust_attack_success=float(one.success), robust_attack_queries=one.queries)
                record.update({"robust_attack_question": one.question} if one.success else {})
        return list(by_place.values())

    def _changed(self, example: Example, kind: str) -> Prompt:
        *before, last = example.prompt.messages
        for attempt in range(TRIES):
            draw = random.Random(f"{self._options.seed} {kind} {attempt} {example.content_digest}")  # noqa: S311
            text = CHANGES[kind](last.content, draw, min(1.0, self._options.rate * 2**attempt))
            if text != last.content:
                return evolve(example.prompt, messages=(*before, evolve(last, content=text)))
        return example.prompt


def _ways(options: RobustOptions) -> tuple[str, ...]:
    return tuple(kind for kind in options.kinds or CHANGES if kind not in WHOLE)


def _attacked(told: Sequence[Attacked]) -> tuple[Metric, ...]:
    success, queries = [float(one.success) for one in told], [float(one.queries) for one in told]
    return (
        mean_metric("robust_attack_success", success, unit="share", direction="lower"),
        mean_metric("robust_attack_queries", queries, unit="questions", direction="higher"),
    )


def _record(example: Example, clean: str, others: dict[str, str]) -> dict[str, Any]:
    """Return a record; ``changes`` is the change of F1 by kind of perturbation, 0 if nothing could be changed."""
    before = token_f1(clean, example.answer)
    changes = {kind: token_f1(text, example.answer) - before for kind, text in others.items()}
    drop = -min(0.0, *changes.values()) if changes else 0.0
    same = [text == clean for text in others.values()] or [True]
    return {
        "where": example.where,
        "prompt": example.prompt.question,
        "expected": example.answer,
        "answer": clean,
        "changes": changes,
        "robust_clean": before,
        "robust_worst": before - drop,
        "robust_drop": drop,
        "robust_consistency": sum(same) / len(same),
    }


def _by_kind(records: Sequence[dict[str, Any]], kinds: Sequence[str]) -> str:
    """Return the mean change of F1 by kind of perturbation, and the number of changed questions."""
    told = {kind: [one["changes"][kind] for one in records if kind in one["changes"]] for kind in kinds}
    return ", ".join(f"{kind} {sum(found) / len(found):+.3f} ({len(found)})" for kind, found in told.items() if found)
