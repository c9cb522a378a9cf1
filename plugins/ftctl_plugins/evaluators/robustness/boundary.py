"""``boundary``: behaviour on questions outside the training data."""

import json
import re
from collections.abc import Callable, Iterator, Sequence

from ftctl.domain.evaluation_cost import EvaluationCost
from ftctl.domain.example import Example, Message, Prompt
from ftctl.domain.report import Report
from ftctl.errors import FtctlError
from ftctl.plugin import option, options
from ftctl.ports import Answer, Evaluator, StageContext, Target, answered
from ftctl_plugins.evaluators.own_cases import (
    LANGUAGES,
    LANGUAGES_HELP,
    LENGTH_HELP,
    Case,
    admits,
    read_cases,
    record,
    refuses,
    says,
    share,
)

CRASHED = Answer("", (), "crashed")

_YES_NO = re.compile(r"(yes|no|是|不是)[.。!]?", re.IGNORECASE)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False


CHECKS: dict[str, Callable[[str], bool]] = {
    "one_word": lambda text: len(text.split()) == 1,
    "short": lambda text: 0 < len(text.strip()) <= 4,
    "digits": lambda text: text.strip().isascii() and text.strip().isdecimal(),
    "yes_no": lambda text: _YES_NO.fullmatch(text.strip()) is not None,
    "three_lines": lambda text: len(text.strip().splitlines()) == 3,
    "capitals": lambda text: text.isupper(),
    "json_object": _is_object,
    "five_words": lambda text: 0 < len(text.split()) <= 5,
    "ten_characters": lambda text: 0 < len(text.strip()) <= 10,
}

FIGURES = {
    "odd": "boundary_survived",
    "long": "boundary_survived",
    "memory": "boundary_memory",
    "unknowable": "boundary_admits",
    "format": "boundary_format",
    "harmless": "boundary_refused",
}
"""Which figure a kind of case counts for."""

ANSWERABLE = frozenset({"memory", "format", "harmless"})
"""Kinds of questions that have an answer: who refuses them in the same words admits nothing."""

LOWER = frozenset({"boundary_refused"})
TEMPLATE = 128
"""Tokens of a chat template around a question, a default system prompt included."""


@options
class BoundaryOptions:
    """Options of `Boundary`."""

    languages: tuple[str, ...] = option(LANGUAGES, help=LANGUAGES_HELP, choices=LANGUAGES)
    max_new_tokens: int = option(64, help=LENGTH_HELP, ge=1, le=4096)
    long_characters: int = option(4000, help="Length of the long question; shorter if the model's context is.", ge=100)


class Boundary(Evaluator):
    """Asks odd and long questions, facts told turns ago, unanswerable questions, formats, and harmless questions with
    alarming words.
    """

    def __init__(self, options: BoundaryOptions) -> None:
        self._options = options

    def asks(self, examples: int) -> EvaluationCost:
        return EvaluationCost(answers=sum(1 for _ in self._cases(None)), longest=self._options.max_new_tokens)

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        cases = list(self._cases(target.max_model_len))
        cases, answers, missing = answered(cases, self._answers(target, cases))
        values: dict[str, list[float]] = {name: [] for name in FIGURES.values()}
        records = []
        to_answerable = {
            answer.text.strip() for case, answer in zip(cases, answers, strict=True) if case.told["kind"] in ANSWERABLE
        }
        for case, answer in zip(cases, answers, strict=True):
            blanket = case.told["kind"] == "unknowable" and answer.text.strip() in to_answerable
            name, value = FIGURES[case.told["kind"]], float(not blanket and _judged(case, answer))
            values[name].append(value)
            crashed = float(answer is CRASHED)
            records.append(record(case, answer, **{name: value, "boundary_crashed": crashed}))
        metrics = [
            share(name, found, "lower" if name in LOWER else "higher") for name, found in values.items() if found
        ]
        metrics.append(share("boundary_crashed", (one["boundary_crashed"] for one in records), "lower"))
        return Report("boundary", tuple(metrics), (*records, *missing))

    def _cases(self, room: int | None) -> Iterator[Case]:
        for place, line in enumerate(read_cases("robustness/boundary")):
            if line["language"] not in (self._options.languages or LANGUAGES):
                continue
            turns = [Message(role, text) for role, text in line["turns"]]
            if line["kind"] == "long":
                turns = [Message("user", self._long(turns[0].content, room))]
            yield Case(f"{line['kind']}.{line['language']}.{place}", Prompt(tuple(turns)), line)

    def _long(self, sentence: str, room: int | None) -> str:
        """Repeat the sentence; since a token is at least a byte, it fits for every tokenizer."""
        times = self._options.long_characters // len(sentence) + 1
        if room is not None:
            times = min(times, (room - self._options.max_new_tokens - TEMPLATE) // len(sentence.encode()))
        return sentence * max(times, 1)

    def _answers(self, target: Target, cases: Sequence[Case]) -> list[Answer]:
        """Answer all together; if that raises, each alone, so that one question does not fail the others."""
        try:
            return target.generate([case.prompt for case in cases], self._options.max_new_tokens)
        except FtctlError:
            raise
        except Exception:
            if len(cases) == 1:
                return [CRASHED]
            return [answer for case in cases for answer in self._answers(target, [case])]


def _judged(case: Case, answer: Answer) -> bool:
    text, kind = answer.text, case.told["kind"]
    if kind == "memory":
        return any(says(text, one) for one in case.told["answers"])
    if kind == "unknowable":
        return admits(text)
    if kind == "format":
        return CHECKS[case.told["check"]](text)
    if kind == "harmless":
        return refuses(text)
    return bool(text.strip()) and answer.finish_reason == "stop"
