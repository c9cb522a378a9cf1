"""A target that answers a question only once: evaluators share answers, and a killed evaluation goes on."""

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from ftctl.domain.codec import canonical
from ftctl.domain.event import PROGRESS_MADE
from ftctl.domain.example import Example, Prompt
from ftctl.ports.context import StageContext
from ftctl.ports.target import Answer, Score, Target

BATCH = 64
"""Prompts a call; after each the answers are on disk."""


class RememberedTarget(Target):
    """Keeps answers in ``work/answers.ndjson``, each batch flushed to disk before the next is asked."""

    def __init__(self, target: Target, context: StageContext) -> None:
        self._target, self._context = target, context
        self._file = context.work / "answers.ndjson"
        self._known = _read(self._file)

    def generate(self, prompts: Sequence[Prompt], max_new_tokens: int) -> list[Answer]:
        keys = [_key(prompt, max_new_tokens) for prompt in prompts]
        asked = {key: prompt for key, prompt in zip(keys, prompts, strict=True) if key not in self._known}
        by_length = sorted(asked.items(), key=lambda pair: sum(len(turn.content) for turn in pair[1].messages))
        for start in range(0, len(by_length), BATCH):
            self._context.stop_if_cancelled()
            batch = by_length[start : start + BATCH]
            answers = self._target.generate([prompt for _, prompt in batch], max_new_tokens)
            self._remember([key for key, _ in batch], answers)
            done = min(start + BATCH, len(by_length))
            self._context.emit(PROGRESS_MADE, done=done, total=len(by_length), unit="answers")
        return [self._known[key] for key in keys]

    def score(self, examples: Sequence[Example]) -> list[Score]:
        scores: list[Score] = []
        for start in range(0, len(examples), BATCH):
            self._context.stop_if_cancelled()
            scores += self._target.score(examples[start : start + BATCH])
            self._context.emit(PROGRESS_MADE, done=len(scores), total=len(examples), unit="scores")
        return scores

    def _remember(self, keys: list[str], answers: list[Answer]) -> None:
        with self._file.open("a", encoding="utf-8") as lines:
            for key, answer in zip(keys, answers, strict=True):
                self._known[key] = answer
                row = [key, answer.text, list(answer.token_ids), answer.finish_reason]
                lines.write(json.dumps(row) + "\n")
            lines.flush()
            os.fsync(lines.fileno())


def _key(prompt: Prompt, max_new_tokens: int) -> str:
    turns = [[message.role, message.content] for message in prompt.messages]
    return hashlib.sha256(canonical([turns, prompt.tools, max_new_tokens])).hexdigest()[:32]


def _read(path: Path) -> dict[str, Answer]:
    """Everything but a last line that a crash cut short."""
    if not path.exists():
        return {}
    whole = path.read_bytes().rpartition(b"\n")[0]
    path.write_bytes(whole + b"\n" if whole else b"")
    rows = [json.loads(line) for line in whole.splitlines()]
    return {key: Answer(text, tuple(ids), reason) for key, text, ids, reason in rows}
