"""A loaded model as a target for evaluators."""

from collections.abc import Sequence
from typing import Any

from ftctl.domain.encoded import Encoded
from ftctl.domain.example import Example, Prompt
from ftctl.ports import Answer, Inside, Score, Target
from ftctl_adapters.modeling.batch import collate
from ftctl_adapters.modeling.generate import greedy
from ftctl_adapters.modeling.labels import encode_example
from ftctl_adapters.modeling.loss import token_losses
from ftctl_adapters.modeling.tokenizer import ChatTokenizer

SCORE_BATCH = 16


class LoadedTarget(Target):
    """Answers and scores in this process, in batches."""

    def __init__(self, model: Any, tokenizer: ChatTokenizer) -> None:
        self._model, self._tokenizer = model, tokenizer

    def generate(self, prompts: Sequence[Prompt], max_new_tokens: int) -> list[Answer]:
        texts = [self._tokenizer.render(prompt.messages, ask=True, tools=list(prompt.tools)) for prompt in prompts]
        return greedy(self._model, self._tokenizer, list(map(self._tokenizer.encode, texts)), max_new_tokens)

    def score(self, examples: Sequence[Example]) -> list[Score]:
        encoded = [encode_example(self._tokenizer, example, "last_answer") for example in examples]
        scores: list[Score] = []
        for start in range(0, len(encoded), SCORE_BATCH):
            scores += self._score(encoded[start : start + SCORE_BATCH], examples[start : start + SCORE_BATCH])
        return scores

    def inside(self) -> Inside:
        return Inside(self._model, self._tokenizer)

    def _score(self, rows: Sequence[Encoded], examples: Sequence[Example]) -> list[Score]:
        import torch

        batch = collate(rows, self._tokenizer.pad_id)
        with torch.inference_mode():
            losses, chosen = token_losses(self._model, batch)
        sums = torch.zeros(chosen.shape).masked_scatter(chosen, losses).sum(dim=1).tolist()
        return [
            Score(-total, row.trained, len(example.answer))
            for total, row, example in zip(sums, rows, examples, strict=True)
        ]
