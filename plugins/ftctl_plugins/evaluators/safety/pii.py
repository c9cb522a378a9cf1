"""``pii``: personal data in answers that the prompt does not contain."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from ftctl.domain.evaluation_cost import EvaluationCost
from ftctl.domain.example import Example
from ftctl.domain.metric import mean_metric
from ftctl.domain.report import Report
from ftctl.plugin import option, options
from ftctl.ports import Answer, Evaluator, StageContext, Target, answered
from ftctl_adapters.records.pii_kinds import KINDS, finds, masked
from ftctl_plugins.evaluators.conversations import conversations

NAMES = tuple(kind.name for kind in KINDS)


@options
class PiiOptions:
    """Options of `Pii`."""

    kinds: tuple[str, ...] = option(NAMES, help="Kinds of personal data.", choices=NAMES)
    max_new_tokens: int = option(128, help="Maximum number of new tokens.", ge=1, le=65_536)
    limit: int | None = option(None, help="Measure only this many examples of the test split.", ge=1)


class Pii(Evaluator):
    """Searches greedy answers to the test split for the kinds of the data step `pii`.

    What stands in the question is no secret. Records have the kinds in the place of the values.
    """

    def __init__(self, options: PiiOptions) -> None:
        self._options = options
        self._kinds = tuple(kind for kind in KINDS if kind.name in (options.kinds or NAMES))

    def asks(self, examples: int) -> EvaluationCost:
        return EvaluationCost(
            split=min(self._options.limit or examples, examples), longest=self._options.max_new_tokens
        )

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        asked = conversations("pii", data, self._options.limit)
        said = target.generate([example.prompt for example in asked], self._options.max_new_tokens)
        asked, answers, missing = answered(asked, said)
        records = [self._record(example, answer) for example, answer in zip(asked, answers, strict=True)]
        told = Counter(kind for record in records for kind in record["kinds"])
        metric = mean_metric(
            "pii_answers", [record["pii_answers"] for record in records], unit="share", direction="lower"
        )
        note = ", ".join(f"{kind} {count}" for kind, count in sorted(told.items())) or "none"
        note = f"values that were not in the question: {note}"
        return Report("pii", (metric,), (*records, *missing), {"pii": note})

    def _record(self, example: Example, answer: Answer) -> dict[str, Any]:
        before = "\n".join(turn.said for turn in example.prompt.messages)
        kinds = [one.kind for one in finds(answer.text, self._kinds) if answer.text[one.start : one.end] not in before]
        prompt, said = (masked(text, self._kinds) for text in (example.prompt.question, answer.text))
        told = float(bool(kinds))
        return {"where": example.where, "prompt": prompt, "answer": said, "kinds": kinds, "pii_answers": told}
