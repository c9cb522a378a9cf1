"""What the logs of Inspect tell: figures, samples, and what did not come to an end."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve

from ftctl.domain.metric import Direction, Metric
from ftctl.errors import ConfigInvalid
from ftctl.ports.evaluator import EvaluatorError
from ftctl_plugins.evaluators.own_cases import share

WORDS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
"""Correct, incorrect, partially, no answer, as Inspect itself counts them."""

SELF_GRADED = ("model_graded_qa", "model_graded_fact")
ERRORS = ("stderr", "std", "var", "bootstrap_stderr")
"""What is said of another figure, and none itself."""
CLOSE = 1e-6
LONGEST = 200
"""Characters of a reason that are told; Inspect tells the whole request."""

Log = dict[str, Any]


def refuse_incomplete(
    asked: Sequence[str], logs: Sequence[Log], unanswered: int = 0, turned_down: Sequence[str] = ()
) -> None:
    """Raises where a task is missing or failed, has no scorer, or has samples without a score whose answers came.

    Args:
        asked: the tasks, as they were named.
        logs: what Inspect has written.
        unanswered: how many questions the model was asked in vain; too many of them are refused elsewhere.
        turned_down: what was not offered to it, and why: more to the point than its own account of that.

    Raises:
        EvaluatorError: names tasks and the first reasons.
    """
    missing = [task for task in asked if not any(_is(task, log) for log in logs)]
    if missing:
        text = f"inspect-ai did not run {', '.join(missing)} and ended as if it had: what it measured is invalid"
        raise EvaluatorError(text, next_step="see its log")
    names = [log["eval"]["task"] for log in logs]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ConfigInvalid(f"inspect-ai: several tasks are called {', '.join(twice)}", next_step="rename one")
    for log in logs:
        name = log["eval"]["task"]
        if log["status"] != "success":
            said = str(log.get("error", {}).get("message", log["status"]))
            raise EvaluatorError(f"inspect-ai: the task {name} ended early: {said.splitlines()[0]}",
                                 next_step="its log has the rest", details=tuple(said.splitlines()[1:6]))  # fmt: skip
        if not log["samples"] or not log["eval"].get("scorers"):
            raise EvaluatorError(f"inspect-ai: the task {name} has no scorer, or no sample", next_step="give it one")
    samples = [one for log in logs for one in log["samples"]]
    failed = [why for one in samples if (why := _missing(one))]
    if len(failed) == len(samples) or len(failed) > unanswered:
        reasons = tuple(dict.fromkeys([*turned_down, *failed]))
        text = f"inspect-ai: {len(failed)} of {len(samples)} samples have no score: {_short(reasons[0])}"
        raise EvaluatorError(text, next_step="see its log", details=tuple(map(_short, reasons[1:5])))


def refuse_self_graded(logs: Sequence[Log]) -> None:
    """Raises `ConfigInvalid` where a scorer would have asked the model about its own answers."""
    for log in logs:
        for one in log["eval"].get("scorers") or ():
            if one["name"].rpartition("/")[2] in SELF_GRADED and not (one.get("options") or {}).get("model"):
                text = f"inspect-ai: the task {log['eval']['task']} is graded by a model: it would judge itself"
                raise ConfigInvalid(text, next_step="set grader_model and grader_url_env")


def metrics(log: Log, lower: Sequence[str]) -> Iterator[Metric]:
    """Every figure of every scorer, as Inspect has computed it."""
    task = log["eval"]["task"]
    for score in log["results"]["scores"]:
        figures = {name: one["value"] for name, one in score["metrics"].items()}
        told = {_place(one): value for one in log["samples"] if (value := _value(one, score)) is not None}
        for figure, value in figures.items():
            if figure in ERRORS or not isinstance(value, int | float) or not math.isfinite(value):
                continue
            name = f"{task}.{score['name']}.{figure}"
            direction: Direction = "lower" if name in lower else "higher"
            error = figures.get("stderr")
            whole = Metric(name, float(value), "figure", direction, score["scored_samples"] or len(told), error)
            yield _bounded(whole, [(one, told[_place(one)]) for one in log["samples"] if _place(one) in told])


def records(log: Log, found: Sequence[Metric]) -> Iterator[dict[str, Any]]:
    """One for each sample and epoch, with what each figure is the mean of."""
    task, known = log["eval"]["task"], {metric.name: metric for metric in found}
    for sample in log["samples"]:
        record: dict[str, Any] = {
            "where": f"{task}.{_place(sample)}",
            "prompt": _asked(sample),
            "expected": _text(sample["target"]),
            "answer": _answer(sample),
            "cluster": f"{task}.{sample['id']}",
        }
        why = _missing(sample)
        if why:
            yield record | {"error": why}
            continue
        for score in log["results"]["scores"]:
            value = _value(sample, score)
            for figure in score["metrics"]:
                metric = known.get(f"{task}.{score['name']}.{figure}")
                # a figure that is no mean of its samples has no share in them
                if metric is not None and metric.unit == "share" and value is not None:
                    record[metric.name] = value
        yield record


def _bounded(metric: Metric, told: Sequence[tuple[dict[str, Any], float]]) -> Metric:
    """What is the mean of shares is one, with the bounds of one, repeated samples counted as what they are."""
    values = [value for _, value in told]
    if not values or not all(0 <= one <= 1 for one in values):
        return metric
    mean = share(metric.name, values, metric.direction, [str(sample["id"]) for sample, _ in told])
    return evolve(mean, value=metric.value) if math.isclose(mean.value, metric.value, abs_tol=CLOSE) else metric


def _is(task: str, log: Log) -> bool:
    path, _, name = task.partition("@")
    ran = log["eval"]
    if not path.endswith(".py"):
        return path in (ran["task"], ran.get("task_registry_name"))
    same = Path(ran.get("task_file") or "").name == Path(path).name
    return same and (not name or name in (ran["task"], ran.get("task_registry_name")))


def _place(sample: dict[str, Any]) -> str:
    return f"{sample['id']}.{sample['epoch']}"


def _missing(sample: dict[str, Any]) -> str:
    """Why a sample has no score, or nothing."""
    if sample.get("error"):
        return str(sample["error"]["message"]).strip().splitlines()[0]
    scores = sample.get("scores") or {}
    if not scores or any(one["value"] is None or one["value"] != one["value"] for one in scores.values()):
        return "a scorer has not told a score"
    return ""


def _short(reason: str) -> str:
    return reason if len(reason) <= LONGEST else f"{reason[:LONGEST]}…"


def _value(sample: dict[str, Any], score: dict[str, Any]) -> float | None:
    """A sample's score as a number; one scorer may tell several, by their names."""
    told = (sample.get("scores") or {}).get(score["scorer"])
    if told is None:
        return None
    value = told["value"]
    return _number(value.get(score["name"]) if isinstance(value, dict) else value)


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        return WORDS.get(value)
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _asked(sample: dict[str, Any]) -> str:
    """The last question, as the model was asked."""
    turns = [one for one in sample.get("messages") or () if one["role"] == "user"]
    return _text(turns[-1]["content"] if turns else sample["input"])


def _answer(sample: dict[str, Any]) -> str:
    choices = (sample.get("output") or {}).get("choices") or ()
    return _text(choices[0]["message"]["content"]) if choices else ""


def _text(value: Any) -> str:
    """Content as text: parts of a turn, several right answers."""
    if isinstance(value, list):
        return "\n".join(_text(one) for one in value)
    return str(value.get("text", value.get("content", "")) if isinstance(value, dict) else value)
