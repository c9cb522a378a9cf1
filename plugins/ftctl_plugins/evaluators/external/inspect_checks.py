"""Checks of Inspect's logs: incomplete runs, and models that grade themselves."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ftctl.errors import ConfigInvalid
from ftctl.ports.evaluator import EvaluatorError

LONGEST = 200
"""Characters of a reason that are told; Inspect tells the whole request."""

Log = dict[str, Any]


def refuse_incomplete(
    asked: Sequence[str], logs: Sequence[Log], place: Path, unanswered: int = 0, turned_down: Sequence[str] = ()
) -> None:
    """Raise if a task is missing, failed, has no scorer, or left answered samples without a score.

    Args:
        asked: the tasks, as they were named.
        logs: what Inspect has written.
        place: the folder in which it ran.
        unanswered: how many questions the model was asked in vain; too many of them are refused elsewhere.
        turned_down: what was not offered to it, and why: more to the point than its own account of that.

    Raises:
        EvaluatorError: names tasks and the first reasons.
        ConfigInvalid: two tasks have one name.
    """
    missing = [task for task in asked if not any(_is(task, log, place) for log in logs)]
    if missing:
        text = f"inspect-ai did not run {', '.join(missing)} and ended as if it had: what it measured is invalid"
        raise EvaluatorError(text, next_step="see its log")
    names = [log["eval"]["task"] for log in logs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigInvalid(f"inspect-ai: several tasks are called {', '.join(twice)}", next_step="rename one")
    for log in logs:
        _refuse_task(log)
    reasons = [[why for one in log["samples"] if (why := missing_score(one, log))] for log in logs]
    failed = [why for of_task in reasons for why in of_task]
    if len(failed) > unanswered or any(len(of) == len(log["samples"]) for of, log in zip(reasons, logs, strict=True)):
        told = tuple(dict.fromkeys([*turned_down, *failed]))
        samples = sum(len(log["samples"]) for log in logs)
        text = f"inspect-ai: {len(failed)} of {samples} samples have no score: {_short(told[0])}"
        raise EvaluatorError(text, next_step="see its log", details=tuple(map(_short, told[1:5])))


def refuse_self_graded(logs: Sequence[Log], model: str) -> None:
    """Raise `ConfigInvalid` if a scorer asked the evaluated model."""
    for log in logs:
        for sample in log.get("samples") or ():
            if any(name == model for name in _asked_by_scorers(sample)):
                text = f"inspect-ai: a scorer of the task {log['eval']['task']} asks the model: it would judge itself"
                step = "set grader_model and grader_url_env, and let the scorer ask the role grader"
                raise ConfigInvalid(text, next_step=step)


def missing_score(sample: dict[str, Any], log: Log) -> str:
    """Return why a sample has no score; empty if it has one."""
    if sample.get("error"):
        return _first(str(sample["error"].get("message")))
    scores = sample.get("scores") or {}
    known = {one["scorer"] for one in (log.get("results") or {}).get("scores") or ()}
    if not scores or known - scores.keys() or any(_untold(one["value"]) for one in scores.values()):
        return "a scorer has not told a score"
    return ""


def _refuse_task(log: Log) -> None:
    name = log["eval"]["task"]
    if log["status"] != "success":
        said = str((log.get("error") or {}).get("message") or log["status"])
        text = f"inspect-ai: the task {name} ended early: {_first(said)}"
        raise EvaluatorError(text, next_step="its log has the rest", details=tuple(said.splitlines()[1:6]))
    if not log.get("samples") or not log["eval"].get("scorers"):
        raise EvaluatorError(f"inspect-ai: the task {name} has no scorer, or no sample", next_step="give it one")


def _asked_by_scorers(sample: dict[str, Any]) -> Iterator[str]:
    """Return the models that scorers asked."""
    judging: set[str] = set()
    for event in sample.get("events") or ():
        if event["event"] == "span_begin" and (event.get("type") == "scorer" or event.get("parent_id") in judging):
            judging.add(event["id"])
        elif event["event"] == "model" and event.get("span_id") in judging:
            yield str(event.get("model"))


def _is(task: str, log: Log, place: Path) -> bool:
    path, _, name = task.partition("@")
    ran = log["eval"]
    if not name:
        return path in (ran["task"], ran.get("task_registry_name"))
    same = (place / (ran.get("task_file") or "")).resolve() == Path(path).resolve()
    return same and name in (ran["task"], ran.get("task_registry_name"))


def _untold(value: Any) -> bool:
    """Return True if the value is missing, no number, or contains such."""
    if isinstance(value, dict | list):
        return any(_untold(one) for one in (value.values() if isinstance(value, dict) else value))
    return value is None or (isinstance(value, float) and math.isnan(value))


def _first(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0] if lines else "no reason given"


def _short(reason: str) -> str:
    return reason if len(reason) <= LONGEST else f"{reason[:LONGEST]}…"
