"""``rubric``: grades from 1 to 5 by a judge model, with checks of the judge."""

import random
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from statistics import fmean, median
from typing import Any

from attrs import evolve, frozen

from ftctl.domain.evaluation_cost import EvaluationCost
from ftctl.domain.example import Example
from ftctl.domain.metric import Metric, clustered_metric, mean_metric
from ftctl.domain.report import Report
from ftctl.errors import Unanswered
from ftctl.plugin import option, options
from ftctl.ports import Evaluator, StageContext, Target, answered
from ftctl_adapters.serving.retry import NoAnswer
from ftctl_plugins.endpoint_options import AskingOptions, asker
from ftctl_plugins.evaluators.conversations import conversations
from ftctl_plugins.pairwise_judge import VERDICT_TOKENS, transcript

GRADER = {
    "en": "You grade an answer to a question by one criterion. Reply with one digit: 1 (not at all), 2 (hardly), "
    "3 (in part), 4 (mostly) or 5 (fully).",
    "zh": "你按一条标准给问题的回答打分。只回复一个数字:"
    "1(完全不符合)、2(基本不符合)、3(部分符合)、4(基本符合)或5(完全符合)。",
}
CRITERIA = {
    "en": {
        "right": "What it says is right, and it leaves out nothing that the reference has.",
        "clear": "It can be understood, and is no longer than it must be.",
    },
    "zh": {"right": "内容正确,没有遗漏参考答案里的要点。", "clear": "表达清楚,不啰嗦。"},
}
GRADE = re.compile(r"(?<![\d.])([1-5])(?![\d.]*\d)")
WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\s\u3040-\u30ff\u3400-\u9fff]+")
Key = tuple[str, str, str]
"""Place of an example, criterion, kind."""

CHANCE = 0.5
"""How often who grades by chance grades nonsense lower, ties counted half: the lower bound must be above."""


@options
class RubricOptions(AskingOptions):
    """Options of `Rubric`."""

    criteria: dict[str, str] = option({}, help="Criteria by name; none: `right` and `clear`.")
    language: str = option("en", help="Language of the judge's prompt.", choices=tuple(GRADER))
    tried: int = option(20, help="Examples to validate the judge with.", ge=5, le=1000)
    votes: int = option(1, help="Votes for each grade, each with another seed; the median counts.", ge=1, le=9)
    temperature: float = option(0.0, help="Sampling temperature of the grader; above 0 with several votes.", ge=0, le=2)
    concurrency: int = option(4, help="Concurrent requests.", ge=1, le=256)
    max_failure_rate: float = option(
        0.1, help="Share of grades that may fail or not be understood; above it, no metric is reported.", ge=0, lt=0.5
    )
    max_new_tokens: int = option(256, help="Maximum number of new tokens.", ge=1, le=65_536)
    limit: int | None = option(100, help="Measure only this many examples of the test split.", ge=1)


@frozen
class Sheet:
    """An answer to grade; ``kind`` says who wrote it."""

    example: Example
    criterion: str
    kind: str
    text: str

    @property
    def key(self) -> Key:
        """Key of the sheet's grade."""
        return self.example.where, self.criterion, self.kind


class Rubric(Evaluator):
    """Grade each criterion, with the expected answer as reference.

    The grader is tried too: it is given expected answers, and the words of others in disorder. Of one that does not
    surely grade nonsense lower no grade is told (``rubric_separates``, 0.5 by chance), and a gate on one fails.
    """

    def __init__(self, options: RubricOptions) -> None:
        self._options = options
        self._criteria = options.criteria or CRITERIA[options.language]

    def asks(self, examples: int) -> EvaluationCost:
        return EvaluationCost(
            split=min(self._options.limit or examples, examples), longest=self._options.max_new_tokens
        )

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        asked = conversations("rubric", data, self._options.limit, fewest=2)
        told = target.generate([example.prompt for example in asked], self._options.max_new_tokens)
        kept, answers, missing = answered(asked, told)
        sheets = [Sheet(example, name, "answer", answer.text) for example, answer in zip(kept, answers, strict=True)
                  for name in self._criteria]  # fmt: skip
        sheets += self._trials(asked)
        votes = self._graded(sheets, context)
        grades = {key: median(given) for key, given in votes.items()}
        records = [self._record(example, answer.text, grades) for example, answer in zip(kept, answers, strict=True)]
        metrics, note = self._figures(records, grades)
        metrics += [_agreement(votes, self._options.votes)] if self._options.votes > 1 else []
        return Report("rubric", tuple(metrics), (*records, *missing), {"rubric": note})

    def _trials(self, asked: Sequence[Example]) -> Iterator[Sheet]:
        """Return trial answers: expected ones, and shuffled words of another."""
        for place, example in enumerate(asked[: self._options.tried]):
            words = WORD.findall(asked[(place + 1) % len(asked)].answer)
            random.Random(example.content_digest).shuffle(words)  # noqa: S311 - an order that is the same each time
            for name in self._criteria:
                yield Sheet(example, name, "expected", example.answer)
                yield Sheet(example, name, "nonsense", " ".join(words))

    def _graded(self, sheets: Sequence[Sheet], context: StageContext) -> dict[Key, list[float]]:
        """Return the understood grades of each sheet; empty if there are none."""
        asked = self._options
        judge = asker(asked, context, VERDICT_TOKENS, asked.temperature)

        def grade(sheet: Sheet) -> list[float]:
            given = []
            for vote in range(asked.votes):
                try:
                    found = GRADE.search(
                        judge.ask(self._question(sheet), **({"seed": vote} if asked.votes > 1 else {}))
                    )
                except NoAnswer:
                    continue
                given += [float(found[1])] if found else []
            return given

        with ThreadPoolExecutor(asked.concurrency) as threads:
            votes = list(threads.map(grade, sheets))
        every = asked.votes * len(sheets)
        failed = every - sum(map(len, votes))
        if failed > asked.max_failure_rate * every:
            text = f"rubric: {failed} of {every} grades of {asked.model} did not come or were no digit "
            text += f"from 1 to 5, more than max_failure_rate {asked.max_failure_rate} allows"
            raise Unanswered(text, next_step="choose another grader, or simpler criteria")
        return {sheet.key: given for sheet, given in zip(sheets, votes, strict=True) if given}

    def _question(self, sheet: Sheet) -> list[dict[str, str]]:
        told = f"[Question]\n{transcript(sheet.example.messages[:-1])}\n\n[Reference]\n{sheet.example.answer}\n\n"
        told += f"[Criterion]\n{self._criteria[sheet.criterion]}\n\n[Answer]\n{sheet.text}\n\n[Grade]"
        system = GRADER[self._options.language]
        return [{"role": "system", "content": system}, {"role": "user", "content": told}]

    def _record(self, example: Example, answer: str, grades: dict[Key, float]) -> dict[str, Any]:
        given = {name: grades.get((example.where, name, "answer")) for name in self._criteria}
        return {
            "where": example.where, "prompt": example.prompt.question, "expected": example.answer, "answer": answer,
            **{f"rubric_{name}": one for name, one in given.items() if one is not None},
            "rubric_failed": float(None in given.values()),
        }  # fmt: skip

    def _figures(self, records: Sequence[dict[str, Any]], grades: dict[Key, float]) -> tuple[list[Metric], str]:
        better, whose = _separated(grades)
        if not better:
            text = "rubric: the grader gave no digit to any expected answer and its nonsense"
            raise Unanswered(text, next_step="choose another grader, or simpler criteria")
        told = clustered_metric("rubric_separates", better, whose, unit="share", direction="higher")
        failed = mean_metric(
            "rubric_failed", [one["rubric_failed"] for one in records], unit="share", direction="lower"
        )
        low = told.low if told.low is not None else told.value - 1.96 * (told.stderr or 0.0)
        note = f"it grades nonsense lower in {told.value:.0%} of {len(better)} trials"
        if low <= CHANCE:
            return [told, failed], f"{note}; unusable: who grades so may as well draw"
        names = [f"rubric_{name}" for name in self._criteria]
        columns = {name: [one[name] for one in records if name in one] for name in names}
        found = [
            evolve(mean_metric(name, column, unit="grade", direction="higher"), least=1.0, most=5.0)
            for name, column in columns.items()
            if column
        ]
        return [*found, told, failed], note


def _agreement(votes: dict[Key, list[float]], asked: int) -> Metric:
    """Return the share of examples whose votes all arrived and were equal, trials included."""
    whose: dict[str, list[float]] = {}
    for (where, _, _), given in votes.items():
        if len(given) == asked:
            whose.setdefault(where, []).append(float(len(set(given)) == 1))
    agreed = [fmean(told) for told in whose.values()] or [0.0]
    return mean_metric("rubric_self_agreement", agreed, unit="share", direction="higher")


def _separated(grades: dict[Key, float]) -> tuple[list[float], list[str]]:
    """Return how often the expected answer was graded above nonsense (ties count half), and by example."""
    trials: dict[tuple[str, str], dict[str, float]] = {}
    for (where, criterion, kind), grade in grades.items():
        trials.setdefault((where, criterion), {})[kind] = grade
    whole = {key: one for key, one in trials.items() if {"expected", "nonsense"} <= one.keys()}
    gaps = [one["expected"] - one["nonsense"] for one in whole.values()]
    return [CHANCE if gap == 0 else float(gap > 0) for gap in gaps], [where for where, _ in whole]
