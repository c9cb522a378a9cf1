"""Store of model answers on disk, for other evaluators, later runs, and after a kill."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ftctl.domain.codec import canonical
from ftctl.domain.example import Example, Prompt
from ftctl.plugin.stage_journal import Journal
from ftctl.ports.target import Answer, Score


class AnswerStore:
    """Store of answers in a folder: reads all its files and appends to one, each batch on disk before the next."""

    def __init__(self, folder: Path, name: str) -> None:
        self._own = Journal(folder / f"{name}.ndjson")
        folder.mkdir(parents=True, exist_ok=True)
        self.answers: dict[str, Answer] = {}
        self.scores: dict[str, Score] = {}
        for path in sorted(folder.glob("*.ndjson")):
            self._read(Journal(path))

    def add_answers(self, found: Iterable[tuple[str, Answer]]) -> None:
        """Store answers by key."""
        rows = dict(found)
        self.answers |= rows
        self._own.append([key, one.text, list(one.token_ids), one.finish_reason] for key, one in rows.items())

    def add_scores(self, found: Iterable[tuple[str, Score]]) -> None:
        """Store scores by key."""
        rows = dict(found)
        self.scores |= rows
        self._own.append([key, one.log_probability, one.tokens, one.characters] for key, one in rows.items())

    def _read(self, journal: Journal) -> None:
        for key, first, second, third in journal.values():
            if isinstance(first, str):
                self.answers[key] = Answer(first, tuple(second), third)
            else:
                self.scores[key] = Score(first, second, third)


def question_key(prompt: Prompt, max_new_tokens: int, *drawn: float) -> str:
    """Return the key of an answer; ``drawn`` is temperature and seed of a sampled one."""
    turns = [message.identity for message in prompt.messages]
    return _key(turns, prompt.tools, max_new_tokens, *drawn, *([prompt.begun] if prompt.begun else []))


def example_key(example: Example) -> str:
    """Return the key of a score: what is given, and what is scored."""
    turns = [[m.role, m.content, m.weight, *m.identity[2:]] for m in example.messages]
    return _key(turns, example.tools, example.text, *(["open"] if example.open else []))


def _key(*told: Any) -> str:
    return hashlib.sha256(canonical(list(told))).hexdigest()[:32]
