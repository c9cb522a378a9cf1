"""A loaded model as a target for evaluators."""

from collections.abc import Sequence
from typing import Any

from ftctl.domain.encoded import Encoded
from ftctl.domain.example import Example, Prompt
from ftctl.errors import BackendFailed
from ftctl.ports import Answer, LoadedModel, Score, Target
from ftctl_adapters.modeling.generate import Drawing, drawn, greedy
from ftctl_adapters.modeling.labels import encode_example
from ftctl_adapters.modeling.scoring import Scorer
from ftctl_adapters.modeling.tokenizer import ChatTokenizer
from ftctl_adapters.modeling.windows import context_of, windows


class LoadedTarget(Target):
    """Target that answers and scores in this process, in batches."""

    def __init__(self, model: Any, tokenizer: ChatTokenizer) -> None:
        self._model, self._tokenizer = model, tokenizer
        self._scorer, self._context = Scorer(model, tokenizer.pad_id), context_of(model)

    @property
    def max_model_len(self) -> int | None:
        return self._context

    def generate(self, prompts: Sequence[Prompt], max_new_tokens: int) -> list[Answer]:
        asked = self._asked(prompts)
        return greedy(self._model, self._tokenizer, asked, max_new_tokens)

    def sample(self, prompts: Sequence[Prompt], max_new_tokens: int, temperature: float, seed: int) -> list[Answer]:
        asked, drawing = self._asked(prompts), Drawing(temperature, seed)
        return drawn(self._model, self._tokenizer, asked, max_new_tokens, drawing)

    def score(self, examples: Sequence[Example]) -> list[Score]:
        encoded = [encode_example(self._tokenizer, example, "last_answer") for example in examples]
        self._refuse_long(examples, encoded)
        pieces = [windows(row, self._context) for row in encoded]
        sums = iter(self._scorer.score([piece for of_row in pieces for piece in of_row]))
        return [
            Score(sum(next(sums) for _ in of_row), row.trained, len(example.answer))
            for of_row, row, example in zip(pieces, encoded, examples, strict=True)
        ]

    def _asked(self, prompts: Sequence[Prompt]) -> list[list[int]]:
        """Token ids of the prompts; raise `BackendFailed` if one leaves no room for an answer."""
        asked = list(map(self._tokenizer.asked, prompts))
        for number, (prompt, ids) in enumerate(zip(prompts, asked, strict=True), 1):
            if self._context and len(ids) >= self._context:
                text = (
                    f"prompt {number} of {len(prompts)} ({prompt.question[:40]!r}): {len(ids):,} tokens leave no "
                    f"room for an answer in the model's context of {self._context:,}"
                )
                raise BackendFailed(text, next_step="leave such rows out of the test split")
        return asked

    def _refuse_long(self, examples: Sequence[Example], encoded: Sequence[Encoded]) -> None:
        """Raise `BackendFailed` if an answer would be scored without its question."""
        for example, row in zip(examples, encoded, strict=True):
            if example.messages and self._context and len(row.ids) > self._context:
                text = (
                    f"{example.where}: {len(row.ids):,} tokens are more than the model's context of {self._context:,}"
                )
                raise BackendFailed(text, next_step="leave such rows out of the test split")

    def inside(self) -> LoadedModel:
        return LoadedModel(self._model, self._tokenizer)
