"""What models have answered, on disk: for the next evaluator, for the next run, and after a kill."""

import hashlib
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ftctl.domain.codec import canonical
from ftctl.domain.example import Example, Prompt
from ftctl.ports.target import Answer, Score


class Replies:
    """All files of a folder are read; one of them is written, each batch on disk before the next is asked."""

    def __init__(self, folder: Path, name: str) -> None:
        self._file = folder / f"{name}.ndjson"
        folder.mkdir(parents=True, exist_ok=True)
        self.answers: dict[str, Answer] = {}
        self.scores: dict[str, Score] = {}
        for path in sorted(folder.glob("*.ndjson")):
            self._read(path)

    def add_answers(self, found: Iterable[tuple[str, Answer]]) -> None:
        rows = dict(found)
        self.answers |= rows
        self._append([key, one.text, list(one.token_ids), one.finish_reason] for key, one in rows.items())

    def add_scores(self, found: Iterable[tuple[str, Score]]) -> None:
        rows = dict(found)
        self.scores |= rows
        self._append([key, one.log_probability, one.tokens, one.characters] for key, one in rows.items())

    def _append(self, rows: Iterable[list[Any]]) -> None:
        text = "".join(json.dumps(row) + "\n" for row in rows)
        with self._file.open("a", encoding="utf-8") as lines:
            # a line that a crash cut short ends here, and is no line
            lines.write(f"\n{text}" if lines.tell() else text)
            lines.flush()
            os.fsync(lines.fileno())

    def _read(self, path: Path) -> None:
        for line in path.read_bytes().splitlines():
            try:
                key, first, second, third = json.loads(line)
            except ValueError:
                continue
            if isinstance(first, str):
                self.answers[key] = Answer(first, tuple(second), third)
            else:
                self.scores[key] = Score(first, second, third)


def question_key(prompt: Prompt, max_new_tokens: int, *drawn: float) -> str:
    """By what an answer is found again; ``drawn`` is the temperature and the seed of one that was."""
    turns = [[message.role, message.content] for message in prompt.messages]
    return _key(turns, prompt.tools, max_new_tokens, *drawn, *([prompt.begun] if prompt.begun else []))


def example_key(example: Example) -> str:
    """By what a score is found again: what is given, and what is scored."""
    turns = [[message.role, message.content, message.weight] for message in example.messages]
    return _key(turns, example.tools, example.text, *(["open"] if example.open else []))


def _key(*told: Any) -> str:
    return hashlib.sha256(canonical(list(told))).hexdigest()[:32]
