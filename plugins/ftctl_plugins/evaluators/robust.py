"""``robust``: whether a question that is written a little differently is answered as well."""

import random
from collections.abc import Callable, Sequence
from typing import Any

from attrs import evolve

from ftctl.domain.example import Example, Prompt
from ftctl.domain.metric import Direction, mean_metric
from ftctl.domain.report import Report
from ftctl.errors import NoUsableRows
from ftctl.plugin import option, options
from ftctl.ports import Evaluator, StageContext, Target
from ftctl_adapters.records.noise import NOISES, touched
from ftctl_plugins.evaluators.squad import token_f1

FILLERS = {"en": ("Well, ", "Please tell me: ", "Hi! "), "zh": ("那个,", "请告诉我:", "你好!")}

Change = Callable[[str, random.Random, float], str]


def _noise(kind: str) -> Change:
    return lambda text, draw, rate: touched(text, NOISES[kind], draw, rate)


def _swap(text: str, draw: random.Random, rate: float) -> str:
    """Neighbouring letters change places."""
    letters = list(text)
    for place in range(len(letters) - 1):
        if letters[place].isalpha() and letters[place + 1].isalpha() and draw.random() < rate:
            letters[place], letters[place + 1] = letters[place + 1], letters[place]
    return "".join(letters)


def _filler(text: str, draw: random.Random) -> str:
    language = "zh" if any("\u4e00" <= letter <= "\u9fff" for letter in text) else "en"
    return draw.choice(FILLERS[language]) + text


CHANGES: dict[str, Change] = {
    **{kind: _noise(kind) for kind in NOISES},
    "swap": _swap,
    "filler": lambda text, draw, rate: _filler(text, draw),
    "none": lambda text, draw, rate: text,
}


FIGURES: dict[str, Direction] = {
    "robust_clean": "higher",
    "robust_worst": "higher",
    "robust_consistency": "higher",
    "robust_drop": "lower",
}


@options
class RobustOptions:
    kinds: tuple[str, ...] = option(
        ("typo", "swap", "case", "spacing", "ocr", "homoglyph", "filler"),
        help="How questions are changed, one after the other.",
        choices=tuple(CHANGES),
    )
    rate: float = option(0.05, help="Share of the characters that are touched.", gt=0, le=0.5)
    max_new_tokens: int = option(128, help="Where an answer is cut.", ge=1, le=65_536)
    limit: int | None = option(50, help="Measure only this many examples of the test split.", ge=1)
    seed: int = option(1, help="Of what is drawn.", ge=0)


class Robust(Evaluator):
    """Token F1 of the test split's questions as they are, and changed in several ways.

    ``robust_clean`` and ``robust_worst`` are the means of an example's F1 unchanged and under the change that hurts it
    most; ``robust_drop`` is what lies between; ``robust_consistency`` is how many changed questions are answered to the
    letter as the unchanged one.
    """

    def __init__(self, options: RobustOptions) -> None:
        self._options = options

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        asked = [example for example in data if example.messages][: self._options.limit]
        if not asked:
            raise NoUsableRows("robust needs conversations; the test split holds raw text only")
        kinds = self._options.kinds
        prompts = [prompt for e in asked for prompt in (e.prompt, *(self._changed(e, kind) for kind in kinds))]
        answers = [answer.text for answer in target.generate(prompts, self._options.max_new_tokens)]
        each = [answers[start : start + len(kinds) + 1] for start in range(0, len(answers), len(kinds) + 1)]
        records = [_record(example, texts, kinds) for example, texts in zip(asked, each, strict=True)]
        metrics = tuple(
            mean_metric(name, [one[name] for one in records], unit="share", direction=direction)
            for name, direction in FIGURES.items()
        )
        lost = {kind: sum(one["changes"][kind] for one in records) / len(records) for kind in kinds}
        notes = {"robust": ", ".join(f"{kind} {change:+.3f}" for kind, change in lost.items())}
        return Report("robust", metrics, tuple(records), notes)

    def _changed(self, example: Example, kind: str) -> Prompt:
        draw = random.Random(f"{self._options.seed} {kind} {example.content_digest}")  # noqa: S311
        *before, last = example.prompt.messages
        text = CHANGES[kind](last.content, draw, self._options.rate)
        return evolve(example.prompt, messages=(*before, evolve(last, content=text)))


def _record(example: Example, texts: Sequence[str], kinds: Sequence[str]) -> dict[str, Any]:
    """``changes`` is what each kind of change does to F1."""
    clean, *others = (token_f1(text, example.answer) for text in texts)
    changes = {kind: score - clean for kind, score in zip(kinds, others, strict=True)}
    worst = min(clean, *others)
    return {
        "where": example.where,
        "prompt": example.prompt.question,
        "expected": example.answer,
        "answer": texts[0],
        "changes": changes,
        "robust_clean": clean,
        "robust_worst": worst,
        "robust_drop": clean - worst,
        "robust_consistency": sum(text == texts[0] for text in texts[1:]) / len(kinds),
    }
