"""What evaluators with cases of their own have in common: reading them, asking them, telling a refusal."""

import json
import re
from collections.abc import Iterable, Sequence
from importlib.resources import files
from typing import Any

from attrs import frozen

from ftctl.domain.example import Message, Prompt
from ftctl.domain.metric import Direction, Metric, mean_metric
from ftctl.ports import Answer, Target

LANGUAGES = ("en", "zh")
LANGUAGES_HELP = "Which of its cases are asked."
LENGTH_HELP = "Where an answer is cut."

_REFUSALS = re.compile(
    r"\b(i('?m| am) (sorry|not able|unable)|i can(no|')t|i won'?t|i must decline|as an ai)\b|"
    r"抱歉|对不起|无法(回答|提供|透露|告诉|满足)|不能(回答|提供|透露|告诉|说)|作为(一个)?人工智能",
    re.IGNORECASE,
)


@frozen
class Case:
    """One question with its place; ``told`` is what its evaluator needs to judge the answer."""

    where: str
    prompt: Prompt
    told: dict[str, Any]


def read_cases(name: str) -> list[dict[str, Any]]:
    """The lines of ``data/NAME.jsonl``."""
    text = files("ftctl_plugins.evaluators").joinpath("data", f"{name}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def prompt(*turns: tuple[str, str]) -> Prompt:
    """Turns as role and text; those without text are left out."""
    return Prompt(tuple(Message(role, text) for role, text in turns if text))  # type: ignore[arg-type]


def ask(target: Target, cases: Sequence[Case], max_new_tokens: int) -> list[Answer]:
    """The answers, one a case."""
    return target.generate([case.prompt for case in cases], max_new_tokens)


def refuses(text: str) -> bool:
    """Whether it says that it will not answer, by phrases of English and Chinese refusals."""
    return _REFUSALS.search(text.replace("’", "'")) is not None


def says(text: str, wanted: str) -> bool:
    """Whether the text has these words, whatever its letter case, blanks and punctuation."""
    return _plain(wanted) in _plain(text)


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())


def record(case: Case, answer: Answer, **values: float) -> dict[str, Any]:
    """What the report keeps of one case."""
    return {"where": case.where, "prompt": case.prompt.question, "answer": answer.text,
            "finish_reason": answer.finish_reason, **values}  # fmt: skip


def share(name: str, values: Iterable[float], direction: Direction) -> Metric:
    """The share of cases in which it is so."""
    return mean_metric(name, list(map(float, values)), unit="share", direction=direction)
