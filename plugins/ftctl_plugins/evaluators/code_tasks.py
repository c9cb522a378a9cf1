"""Functions to write: what they are called, what says what they do, and what tests them."""

import json
import re
from pathlib import Path
from typing import Any

from attrs import frozen

from ftctl.ports.evaluator import EvaluatorError
from ftctl_plugins.evaluators.own_cases import LANGUAGES, read_cases

FENCED = re.compile(r"```[^\n`]*\n(.*?)(?:```|\Z)", re.DOTALL)


@frozen
class Task:
    where: str
    language: str
    prompt: str
    function: str
    test: str


def own_tasks(languages: tuple[str, ...]) -> list[Task]:
    """Those that come with ftctl."""
    return [_task(line, line["task_id"]) for line in read_cases("code") if line["language"] in languages]


def read_tasks(path: str) -> list[Task]:
    """Those of a JSONL file with the keys of HumanEval.

    Raises:
        EvaluatorError: the file cannot be read, or a line of it is no task.
    """
    lines = read(path).decode("utf-8", errors="replace").splitlines()
    places = [(f"{path}:{number}", text) for number, text in enumerate(lines, 1) if text.strip()]
    return [_task(_line(text, where), where) for where, text in places]


def program(task: Task, answer: str) -> str:
    """What is run: the answer, and the task's tests of its function."""
    blocks: list[str] = FENCED.findall(answer)
    named = re.compile(rf"^\s*(async\s+)?def\s+{re.escape(task.function)}\b", re.MULTILINE)
    code = next((block for block in blocks if named.search(block)), blocks[0] if blocks else answer)
    whole = code if named.search(code) else f"{task.prompt}{code}"
    return f"{whole}\n\n{task.test}\n\ncheck({task.function})\n"


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
