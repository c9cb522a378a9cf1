"""``forgetting``: general abilities after tuning: small tasks in English and Chinese.

The tasks are drawn from a seed, so that nobody has trained on them; each has one right answer.
"""

import random
from collections.abc import Callable, Iterator, Sequence

from ftctl.domain.evaluation_cost import EvaluationCost
from ftctl.domain.example import Example
from ftctl.domain.report import Report
from ftctl.plugin import option, options
from ftctl.ports import Evaluator, StageContext, Target
from ftctl_plugins.evaluators.own_cases import (
    LANGUAGES,
    LANGUAGES_HELP,
    LENGTH_HELP,
    Case,
    ask,
    prompt,
    record,
    says,
    share,
)

NAMES = {
    "en": ("Anna", "Ben", "Clara", "David", "Elena", "Felix"),
    "zh": ("安娜", "小本", "小兰", "大伟", "丽娜", "小飞"),
}
THINGS = {
    "en": ("apples", "books", "stones", "lamps", "coins", "ropes"),
    "zh": ("苹果", "书本", "石头", "台灯", "硬币", "绳子"),
}
PLACES = {
    "en": ("kitchen", "garden", "cellar", "office", "harbour"),
    "zh": ("厨房", "花园", "地下室", "办公室", "港口"),
}
TEXTS: dict[str, dict[str, str]] = {
    "en": {
        "arithmetic": "What is {a} + {b}? Reply with the number alone.",
        "subtraction": "{name} has {c} {thing} and gives {a} away. How many are left? Reply with the number alone.",
        "reading": "{name} went to the {place}, and {other} stayed at home. Who went there? Reply with the name.",
        "place": "The {thing} are in the {place}, the {second} in the {else}. Where are the {thing}? Use one word.",
        "last": "Repeat the last of these words: {first}, {second}, {third}.",
        "largest": "Which of these numbers is the largest: {a}, {b}, {d}? Reply with the number alone.",
    },
    "zh": {
        "arithmetic": "{a}加{b}等于多少?只回答数字。",
        "subtraction": "{name}有{c}个{thing},送出了{a}个,还剩多少个?只回答数字。",
        "reading": "{name}去了{place},{other}留在家里。谁去了{place}?只回答名字。",
        "place": "{thing}在{place},{second}在{else}。{thing}在哪里?只回答一个词。",
        "last": "请重复下面最后一个词:{first}、{second}、{third}。",
        "largest": "{a}、{b}、{d}中哪个数最大?只回答数字。",
    },
}
RIGHT: dict[str, Callable[[dict[str, str]], str]] = {
    "arithmetic": lambda told: str(int(told["a"]) + int(told["b"])),
    "subtraction": lambda told: str(int(told["c"]) - int(told["a"])),
    "reading": lambda told: told["name"],
    "place": lambda told: told["place"],
    "last": lambda told: told["third"],
    "largest": lambda told: str(max(int(told[key]) for key in "abd")),
}
OTHERS = {"reading": ("other",), "place": ("else",), "last": ("first", "second"), "largest": ("a", "b", "d")}
"""What an answer must not say as well: who repeats the question has not answered it."""


@options
class ForgettingOptions:
    """Options of `Forgetting`."""

    languages: tuple[str, ...] = option(LANGUAGES, help=LANGUAGES_HELP, choices=LANGUAGES)
    each: int = option(10, help="Tasks of each kind in each language.", ge=1, le=1000)
    seed: int = option(1, help="Random seed.", ge=0)
    max_new_tokens: int = option(24, help=LENGTH_HELP, ge=1, le=4096)


class Forgetting(Evaluator):
    """Measures arithmetic, reading, places and order: ``general`` is the share of all that is right, with one figure a
    kind.

    Alone it says little: compare it with the base by a gate such as ``{metric: general, min_gain: -0.02, over: base}``.
    """

    def __init__(self, options: ForgettingOptions) -> None:
        self._options = options

    def asks(self, examples: int) -> EvaluationCost:
        return EvaluationCost(answers=sum(1 for _ in self.cases()), longest=self._options.max_new_tokens)

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        told, missing = ask(target, list(self.cases()), self._options.max_new_tokens)
        records = []
        for case, answer in told:
            wrong = any(says(answer.text, one) for one in case.told["wrong"])
            right = float(says(answer.text, case.told["right"]) and not wrong)
            records.append(record(case, answer, general=right) | {f"general_{case.told['kind']}": right})
        names = ["general", *(f"general_{kind}" for kind in RIGHT)]
        of = {name: [one[name] for one in records if name in one] for name in names}
        metrics = tuple(share(name, values, "higher") for name, values in of.items() if values)
        return Report("forgetting", metrics, (*records, *missing))

    def cases(self) -> Iterator[Case]:
        """Return the tasks, each with its right answer."""
        for language in self._options.languages or LANGUAGES:
            for kind, text in TEXTS[language].items():
                for number in range(self._options.each):
                    told = _drawn(language, random.Random(f"{self._options.seed} {language} {kind} {number}"))  # noqa: S311
                    asked = prompt(("user", text.format(**told)))
                    right = RIGHT[kind](told)
                    wrong = [told[key] for key in OTHERS.get(kind, ()) if told[key] != right]
                    yield Case(f"{kind}.{language}.{number}", asked, {"kind": kind, "right": right, "wrong": wrong})


def _drawn(language: str, draw: random.Random) -> dict[str, str]:
    a, b, d = draw.sample(range(2, 50), 3)
    name, other = draw.sample(NAMES[language], 2)
    first, second, third = draw.sample(THINGS[language], 3)
    numbers = {"a": str(a), "b": str(b), "c": str(a + b), "d": str(d)}
    place, elsewhere = draw.sample(PLACES[language], 2)
    words = {"name": name, "other": other, "thing": first, "place": place, "else": elsewhere}
    return numbers | words | {"first": first, "second": second, "third": third}
