"""A target whose quality is known."""

from collections.abc import Sequence

from attrs import define

from ftctl.domain.example import Example, Prompt
from ftctl.ports.target import Answer, Score, Target


@define
class FakeTarget(Target):
    """Doubles the number it is asked for when ``right``; ``asked`` counts the prompts it answered."""

    right: bool = True
    log_probability: float = -0.5
    asked: int = 0

    def generate(self, prompts: Sequence[Prompt], max_new_tokens: int) -> list[Answer]:
        self.asked += len(prompts)
        return [self._answer(prompt.question) for prompt in prompts]

    def score(self, examples: Sequence[Example]) -> list[Score]:
        return [Score(self.log_probability, 1, len(example.answer)) for example in examples]

    def _answer(self, question: str) -> Answer:
        number = question.split()[-1]
        text = str(2 * int(number)) if self.right and number.isdecimal() else "no idea"
        return Answer(text, (1,), "stop")
