"""Coding tasks: signature, description and tests."""

import json
import re
import textwrap
from typing import Any

from attrs import frozen

from ftctl.ports.evaluator import EvaluatorError
from ftctl_plugins.evaluators.option_file import read_bytes
from ftctl_plugins.evaluators.own_cases import LANGUAGES, read_cases

FENCED = re.compile(r"^[ \t]*```[^\n`]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)
DEFINES = re.compile(r"^\s*(async\s+def|def|class|import|from)\b", re.MULTILINE)
FUTURE = re.compile(r"^from __future__ import (?:\([^)]*\)|.*)$", re.MULTILINE)


@frozen
class Task:
    """A function to write, with its tests."""

    where: str
    language: str
    prompt: str
    function: str
    test: str


def own_tasks() -> list[Task]:
    """Return the tasks that come with ftctl."""
    return [_task(line, line["task_id"]) for line in read_cases("quality/code")]


def read_tasks(path: str) -> list[Task]:
    """Read the tasks of a JSONL file with HumanEval's keys.

    Raises:
        EvaluatorError: the file cannot be read, or a line of it is no task.
    """
    lines = read_bytes("code.data", path).decode("utf-8", errors="replace").split("\n")
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
    """Return the program to run: prompt, answer, and the task's tests."""
    named = re.compile(rf"^\s*(async\s+)?def\s+{re.escape(task.function)}\b", re.MULTILINE)
    blocks: list[str] = FENCED.findall(answer)
    # several blocks may stand on each other; one that only shows how it is used defines nothing
    parts = [block for block in map(textwrap.dedent, blocks) if DEFINES.search(block) and _runs(block)]
    code = "\n".join(parts) if any(named.search(part) for part in parts) else next(iter(blocks), answer)
    if not named.search(code):
        return f"{task.prompt}{code}\n\n{task.test}\n\ncheck({task.function})\n"
    # imports and helpers of the question hold for a whole function too, and what is of the future comes first
    future = "".join(f"{line}\n" for line in FUTURE.findall(code))
    return f"{future}{_whole(task.prompt)}\n\n{FUTURE.sub('', code)}\n\n{task.test}\n\ncheck({task.function})\n"


def _whole(question: str) -> str:
    """Complete the beginning of a function to one that runs; ``None`` if impossible."""
    return next((text for text in (question, f"{question}    pass\n") if _runs(text)), "")


def _runs(text: str) -> bool:
    """Return True if the text compiles as Python; nothing is run."""
    try:
        compile(text, "text", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _task(line: dict[str, Any], where: str) -> Task:
    missing = [key for key in ("prompt", "entry_point", "test") if not isinstance(line.get(key), str)]
    if missing or not str(line.get("entry_point")).isidentifier():
        said = f"has no text `{missing[0]}`" if missing else "names no function in `entry_point`"
        raise EvaluatorError(f"code.data: {where} {said}", next_step="each line is a task as HumanEval's")
    language = line.get("language", "en")
    return Task(str(line.get("task_id", where)), language if language in LANGUAGES else "en", line["prompt"],
                line["entry_point"], line["test"])  # fmt: skip


def _line(text: str, where: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError as error:
        raise EvaluatorError(f"code.data: {where} is no JSON: {error}", next_step="correct the line") from error
    return found if isinstance(found, dict) else {}
