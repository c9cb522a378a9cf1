"""A loaded model as a target for evaluators."""

from collections.abc import Sequence
from typing import Any

from ftctl.domain.example import Example, Prompt
from ftctl.ports import Answer, Inside, Score, Target
from ftctl_adapters.modeling.generate import Drawing, drawn, greedy
from ftctl_adapters.modeling.labels import encode_example
from ftctl_adapters.modeling.scoring import Scorer
from ftctl_adapters.modeling.tokenizer import ChatTokenizer


class LoadedTarget(Target):
    """Answers and scores in this process, in batches."""

    def __init__(self, model: Any, tokenizer: ChatTokenizer) -> None:
        self._model, self._tokenizer = model, tokenizer
        self._scorer = Scorer(model, tokenizer.pad_id)

    def generate(self, prompts: Sequence[Prompt], max_new_tokens: int) -> list[Answer]:
        return greedy(self._model, self._tokenizer, self._encoded(prompts), max_new_tokens)

    def sample(self, prompts: Sequence[Prompt], max_new_tokens: int, temperature: float, seed: int) -> list[Answer]:
        drawing = Drawing(temperature, seed)
        return drawn(self._model, self._tokenizer, self._encoded(prompts), max_new_tokens, drawing)

    def score(self, examples: Sequence[Example]) -> list[Score]:
        encoded = [encode_example(self._tokenizer, example, "last_answer") for example in examples]
        sums = self._scorer.score(encoded)
        return [
            Score(total, row.trained, len(example.answer))
            for total, row, example in zip(sums, encoded, examples, strict=True)
        ]

    def _encoded(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        texts = [self._tokenizer.render(prompt.messages, ask=True, tools=list(prompt.tools)) for prompt in prompts]
        return list(map(self._tokenizer.encode, texts))

    def inside(self) -> Inside:
        return Inside(self._model, self._tokenizer)
