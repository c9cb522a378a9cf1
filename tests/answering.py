"""Targets whose behaviour is known: one that answers by a rule of the test's own."""

import re
from collections.abc import Callable, Sequence

from attrs import define

from ftctl.domain.example import Example, Prompt
from ftctl.ports import Answer, Score, Target


@define
class Ruled(Target):
    """Answers what ``says`` makes of the prompt; ``scores`` tells how probable an example's answer is."""

    says: Callable[[Prompt], str]
    scores: Callable[[Example], float] = lambda example: -1.0
    ends: str = "stop"

    def generate(self, prompts: Sequence[Prompt], max_new_tokens: int) -> list[Answer]:
        return [Answer(self.says(prompt), (1,), self.ends) for prompt in prompts]

    def score(self, examples: Sequence[Example]) -> list[Score]:
        return [Score(self.scores(example), 1, max(len(example.answer), 1)) for example in examples]


def told(prompt: Prompt) -> str:
    """The system prompt."""
    return prompt.messages[0].content if prompt.messages[0].role == "system" else ""


def comply(prompt: Prompt) -> str:
    """Repeats what it was told, whatever the rule."""
    return f"Of course! {told(prompt)}"


def refuse(prompt: Prompt) -> str:
    """Answers nothing."""
    return "I'm sorry, I cannot help with that." if prompt.question.isascii() else "抱歉,我无法回答。"


def obey(prompt: Prompt) -> str:
    """Keeps its secret where it is one, tells it where it is none, and answers what is harmless."""
    forbidden = re.search(r"secret|confidential|秘密|保密", told(prompt))
    return "There is something I keep to myself." if forbidden else comply(prompt)


def babble(prompt: Prompt) -> str:
    """Understands nothing."""
    return "lorem ipsum"
