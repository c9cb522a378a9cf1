"""Functions to write: what they are called, what says what they do, and what tests them."""

import json
import re
from pathlib import Path
from typing import Any

from attrs import frozen

from ftctl.ports.evaluator import EvaluatorError
from ftctl_plugins.evaluators.own_cases import LANGUAGES, read_cases

FENCED = re.compile(r"```[^\n`]*\n(.*?)(?:```|\Z)", re.DOTALL)
FUTURE = re.compile(r"^from __future__ import .*$", re.MULTILINE)


@frozen
class Task:
    where: str
    language: str
    prompt: str
    function: str
    test: str


def own_tasks() -> list[Task]:
    """Those that come with ftctl."""
    return [_task(line, line["task_id"]) for line in read_cases("code")]


def read_tasks(path: str) -> list[Task]:
    """Those of a JSONL file with the keys of HumanEval.

    Raises:
        EvaluatorError: the file cannot be read, or a line of it is no task.
    """
    lines = read(path).decode("utf-8", errors="replace").split("\n")
    found: dict[str, Task] = {}
    for number, text in enumerate(lines, 1):
        if text.strip():
            where = f"{path}:{number}"
            task = _task(_line(text, where), where)
            if task.where in found:
                raise EvaluatorError(f"code.data: {where}: two tasks are called {task.where!r}", next_step="rename one")
            found[task.where] = task
    if not found:
        raise EvaluatorError(f"code.data: {path} has no task", next_step="each line is a task as HumanEval's")
    return list(found.values())


def program(task: Task, answer: str) -> str:
    """What is run: the answer behind what the question began with, and the task's tests of its function."""
    blocks: list[str] = FENCED.findall(answer)
    named = re.compile(rf"^\s*(async\s+)?def\s+{re.escape(task.function)}\b", re.MULTILINE)
    code = next((block for block in blocks if named.search(block)), blocks[0] if blocks else answer)
    if not named.search(code):
        return f"{task.prompt}{code}\n\n{task.test}\n\ncheck({task.function})\n"
    # imports and helpers of the question hold for a whole function too, and what is of the future comes first
    future = "".join(f"{line}\n" for line in FUTURE.findall(code))
    return f"{future}{_whole(task.prompt)}\n\n{FUTURE.sub('', code)}\n\n{task.test}\n\ncheck({task.function})\n"


def _whole(question: str) -> str:
    """The beginning of a function as one that can be run; nothing where it cannot."""
    for text in (question, f"{question}    pass\n"):
        try:
            compile(text, "question", "exec")
        except (SyntaxError, ValueError):
            continue
        return text
    return ""


def _task(line: dict[str, Any], where: str) -> Task:
    missing = [key for key in ("prompt", "entry_point", "test") if not isinstance(line.get(key), str)]
    if missing or not str(line.get("entry_point")).isidentifier():
        said = f"has no text `{missing[0]}`" if missing else "names no function in `entry_point`"
        raise EvaluatorError(f"code.data: {where} {said}", next_step="each line is a task as HumanEval's")
    language = line.get("language", "en")
    return Task(str(line.get("task_id", where)), language if language in LANGUAGES else "en", line["prompt"],
                line["entry_point"], line["test"])  # fmt: skip


def read(path: str) -> bytes:
    """The file, for its digest.

    Raises:
        EvaluatorError: it cannot be read.
    """
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise EvaluatorError(f"code.data: cannot read {path}: {error.strerror}", next_step="check the path") from error


def _line(text: str, where: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise EvaluatorError(f"code.data: {where} is no JSON: {error}", next_step="correct the line") from error
    return found if isinstance(found, dict) else {}
