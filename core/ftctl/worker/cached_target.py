"""A target that answers a question only once: evaluators share answers, and a killed evaluation goes on."""

import time
from collections.abc import Callable, Mapping, Sequence

from ftctl.domain.evaluation_cost import Throughput
from ftctl.domain.event import PROGRESS_MADE
from ftctl.domain.example import Example, Prompt
from ftctl.errors import Unanswered
from ftctl.ports.context import StageContext
from ftctl.ports.target import Answer, EndpointAccess, LoadedModel, Score, Target
from ftctl.worker.answer_store import AnswerStore, example_key, question_key

BATCH = 64
"""Prompts a call; after each the answers are on disk."""
ENOUGH_TOKENS, ENOUGH_SCORES = 100, 10
"""Of fewer a pace would be that of the first call."""


class CachedTarget(Target):
    """Asks the model for answers that are not stored yet; unanswered questions are asked again next time."""

    def __init__(self, target: Target, replies: AnswerStore, context: StageContext) -> None:
        self._target, self._replies, self._context = target, replies, context
        self.max_error_rate = target.max_error_rate
        self._tokens, self._answering, self._scores, self._scoring = 0, 0.0, 0, 0.0

    @property
    def max_model_len(self) -> int | None:
        return self._target.max_model_len

    def generate(self, prompts: Sequence[Prompt], max_new_tokens: int) -> list[Answer]:
        keys = [question_key(prompt, max_new_tokens) for prompt in prompts]
        return self._answers(keys, prompts, lambda batch: self._target.generate(batch, max_new_tokens))

    def sample(self, prompts: Sequence[Prompt], max_new_tokens: int, temperature: float, seed: int) -> list[Answer]:
        keys = [question_key(prompt, max_new_tokens, temperature, seed) for prompt in prompts]
        return self._answers(keys, prompts, lambda batch: self._target.sample(batch, max_new_tokens, temperature, seed))

    def _answers(
        self, keys: Sequence[str], prompts: Sequence[Prompt], ask: Callable[[Sequence[Prompt]], list[Answer]]
    ) -> list[Answer]:
        known = self._replies.answers
        asked = {key: prompt for key, prompt in zip(keys, prompts, strict=True) if key not in known}
        by_length = sorted(asked.items(), key=lambda pair: sum(len(turn.said) for turn in pair[1].messages))
        missing: dict[str, Answer] = {}
        for start in range(0, len(by_length), BATCH):
            self._context.stop_if_cancelled()
            batch = by_length[start : start + BATCH]
            started = time.perf_counter()
            answers = ask([prompt for _, prompt in batch])
            self._answering += time.perf_counter() - started
            self._tokens += sum(len(answer.token_ids) for answer in answers)
            told = list(zip((key for key, _ in batch), answers, strict=True))
            self._replies.add_answers((key, answer) for key, answer in told if not answer.error)
            missing |= {key: answer for key, answer in told if answer.error}
            self._refuse_too_many(missing, len(set(keys)), "answered")
            self._tell(start + BATCH, len(by_length), "answers")
        return [missing[key] if key in missing else known[key] for key in keys]

    def score(self, examples: Sequence[Example]) -> list[Score]:
        keys, known = list(map(example_key, examples)), self._replies.scores
        new = {key: one for key, one in zip(keys, examples, strict=True) if key not in known}
        asked = sorted(new.items(), key=lambda pair: _beginning(pair[1]))
        missing: dict[str, Score] = {}
        for start in range(0, len(asked), BATCH):
            self._context.stop_if_cancelled()
            batch = asked[start : start + BATCH]
            started = time.perf_counter()
            scores = self._target.score([example for _, example in batch])
            self._scoring += time.perf_counter() - started
            self._scores += len(scores)
            told = list(zip((key for key, _ in batch), scores, strict=True))
            self._replies.add_scores((key, score) for key, score in told if not score.error)
            missing |= {key: score for key, score in told if score.error}
            self._refuse_too_many(missing, len(set(keys)), "scored")
            self._tell(start + BATCH, len(asked), "scores")
        return [missing[key] if key in missing else known[key] for key in keys]

    def pace(self) -> Throughput:
        """Return the throughput of the requests that had to be made; empty for too few."""
        return Throughput(
            self._tokens / self._answering if self._tokens >= ENOUGH_TOKENS and self._answering else None,
            self._scores / self._scoring if self._scores >= ENOUGH_SCORES and self._scoring else None,
        )

    def reached(self) -> EndpointAccess:
        return self._target.reached()

    def inside(self) -> LoadedModel:
        return self._target.inside()

    def _tell(self, done: int, total: int, unit: str) -> None:
        """Emit progress, unless there is a single batch."""
        if total > BATCH:
            self._context.emit(PROGRESS_MADE, done=min(done, total), total=total, unit=unit)

    def _refuse_too_many(self, missing: Mapping[str, Answer | Score], questions: int, what: str) -> None:
        """Raise as soon as too many answers are certain to be missing, without asking on."""
        if len(missing) > self.max_error_rate * questions:
            reasons = sorted({answer.error for answer in missing.values()})
            text = f"{len(missing)} of {questions} questions were not {what} ({'; '.join(reasons[:3])}), more than "
            text += f"max_error_rate {self.max_error_rate} allows: nothing measured so would hold"
            step = "the same command asks again for those alone"
            raise Unanswered(text, next_step=step, details=tuple(reasons[:3]))


def _beginning(example: Example) -> tuple[int, list[str]]:
    """Sort by length, and keep equal beginnings together: a target scores those faster."""
    turns = [turn.said for turn in example.messages[:-1]]
    return sum(map(len, turns)) if turns else len(example.text), turns
