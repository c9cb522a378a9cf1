"""``inspect-ai``: tasks of the framework Inspect, by itself, in an environment of its own."""

import hashlib
import json
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ftctl.domain.example import Example
from ftctl.domain.report import Report
from ftctl.errors import ConfigInvalid
from ftctl.plugin import option, options
from ftctl.ports import Evaluator, StageContext, Target
from ftctl.ports.evaluator import EvaluatorError
from ftctl.redact import redacted_value
from ftctl_adapters.process.tool_runner import homes, run_scanner
from ftctl_adapters.serving.loopback_server import Loopback
from ftctl_plugins.evaluators.external.inspect_checks import refuse_incomplete, refuse_self_graded
from ftctl_plugins.evaluators.external.inspect_logs import metrics, records
from ftctl_plugins.evaluators.option_file import digest_of, files_below

NAME = "model"
MODEL = f"openai-api/ftctl/{NAME}"
"""As Inspect calls what it asks over the loopback."""
GRADER = "grader"
"""Inspect's name for the model that its scorers ask."""

ENDINGS = (".py", ".json", ".jsonl", ".csv", ".tsv", ".parquet", ".yaml", ".yml", ".txt", ".md", ".jinja")
"""Of files beside a task that are part of what is measured."""

TASK = re.compile(r"(?P<file>.+\.py)@\w+|[\w.-]+/[\w.-]+(?<!\.py)")
"""A file with its task, or a package with its own."""


@options
class InspectAIOptions:
    """Options of `InspectAI`."""

    tasks: tuple[str, ...] = option(
        help="A task of a file, `tasks.py@task`, or of a package in its environment, `package/task`.", location=True
    )
    task_args: dict[str, Any] = option({}, help="Arguments of the tasks, the same for all of them.")
    limit: int | None = option(None, help="Ask only the first so many samples of each task.", ge=1)
    epochs: int | None = option(None, help="Repetitions of each sample; null: the task's own.", ge=1)
    temperature: float | None = option(None, help="Sampling temperature; null: the task's own, or greedy.", ge=0, le=2)
    max_tokens: int = option(1024, help="Maximum number of new tokens.", ge=1, le=65_536)
    parallel: int = option(8, help="Concurrent requests.", ge=1, le=64)
    lower: tuple[str, ...] = option((), help="Full names of lower-is-better metrics.")
    grader_model: str | None = option(None, help="The model that grades, where a scorer asks one.")
    grader_url_env: str | None = option(None, help="Name of the environment variable with its endpoint's address.")
    grader_key_env: str | None = option(None, help="Name of the environment variable with its key.")


class InspectAI(Evaluator):
    """Runs Inspect; a metric ``task.scorer.metric`` is the number that Inspect computed.

    Inspect asks over the loopback, with a key that it alone is told. It ends as if nothing had happened where a task
    failed: what its logs tell of tasks and samples that did not come to an end is counted here. Tools are not offered.
    """

    def __init__(self, options: InspectAIOptions) -> None:
        if not options.tasks:
            raise ConfigInvalid("inspect-ai.tasks is empty", next_step="name a task")
        wrong = [one for one in options.tasks if not TASK.fullmatch(one)]
        if wrong:
            raise ConfigInvalid(f"inspect-ai.tasks: {wrong[0]!r} names no task",
                                next_step="write tasks.py@task, or package/task")  # fmt: skip
        alone = options.grader_key_env is not None and options.grader_model is None
        if alone or (options.grader_model is None) != (options.grader_url_env is None):
            raise ConfigInvalid("inspect-ai: a grader has a model and an address",
                                next_step="set both grader_model and grader_url_env, or none")  # fmt: skip
        self._options = options

    def fingerprint(self) -> str:
        """Return a digest of the task names and of every file that they could read."""
        found = hashlib.sha256(json.dumps([Path(one).name for one in self._options.tasks]).encode())
        files = [Path(one).resolve() for one in map(_file, self._options.tasks) if one]
        for file in files:
            found.update(digest_of("inspect-ai.tasks", file))
        for folder in sorted({file.parent for file in files}):
            for path in files_below("inspect-ai.tasks", folder, ENDINGS):
                found.update(str(path.relative_to(folder)).encode() + b"\0" + digest_of("inspect-ai.tasks", path))
        return found.hexdigest()

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        place = context.work / "inspect-ai"
        if place.exists():
            shutil.rmtree(place)
        (place / "logs").mkdir(parents=True)
        loopback = Loopback(target, NAME, self._options.max_tokens)
        with loopback.open():
            self._run(loopback, context, place)
        logs = [json.loads(path.read_bytes()) for path in sorted((place / "logs").glob("*.json"))]
        refuse_self_graded(logs, MODEL)
        refuse_incomplete(self._options.tasks, logs, place, len(loopback.unanswered), loopback.turned_down)
        for log in logs:
            copy = context.out / f"inspect-ai.{log['eval']['task'].replace('/', '.')}.json"
            copy.write_text(json.dumps(_shown(log), ensure_ascii=False, indent=1), encoding="utf-8")
        found = [metric for log in logs for metric in metrics(log, self._options.lower)]
        unknown = set(self._options.lower) - {metric.name for metric in found}
        if unknown:
            text = f"inspect-ai.lower: no figure is called {', '.join(sorted(unknown))}"
            raise ConfigInvalid(text, next_step=f"the figures: {', '.join(metric.name for metric in found)}")
        told = tuple(record for log in logs for record in records(log, found))
        return Report("inspect-ai", tuple(found), told, dict(_notes(logs)))

    def _run(self, loopback: Loopback, context: StageContext, place: Path) -> None:
        keys = {"FTCTL_API_KEY": loopback.key, "FTCTL_BASE_URL": loopback.url} | self._grader()
        code, said = run_scanner(context, self._command(place), place, homes(place) | keys, loopback.answer)
        loopback.refuse_too_many()
        if code:
            last = said[-1] if said else "it said nothing"
            raise EvaluatorError(f"inspect-ai ended with {code}: {last}", next_step=f"see {place / 'log'}",
                                 details=tuple(said[-5:-1]))  # fmt: skip

    def _command(self, place: Path) -> tuple[str, ...]:
        asked = self._options
        arguments = place / "arguments.json"
        arguments.write_text(json.dumps(asked.task_args), encoding="utf-8")
        given = {
            "--limit": asked.limit,
            "--epochs": asked.epochs,
            "--temperature": asked.temperature,
            "--model-role": asked.grader_model and f"{GRADER}=openai-api/{GRADER}/{asked.grader_model}",
        }
        # what did not work is counted here, and need not end the whole
        fixed = (
            "--no-fail-on-error",
            "--no-log-realtime",
            "--log-format",
            "json",
            "--display",
            "plain",
        )
        return (
            *("-P", "-m", "inspect_ai", "eval", *map(_absolute, asked.tasks), *fixed),
            *("--model", MODEL, "--log-dir", str(place / "logs")),
            *("--task-config", str(arguments), "--max-connections", str(asked.parallel)),
            *(part for name, value in given.items() if value is not None for part in (name, str(value))),
        )

    def _grader(self) -> dict[str, str]:
        asked, found = self._options, {}
        for name, variable in {"BASE_URL": asked.grader_url_env, "API_KEY": asked.grader_key_env}.items():
            if variable is not None and variable not in os.environ:
                raise ConfigInvalid(f"the environment variable {variable} is not set",
                                    next_step="set it to the grader's address or key")  # fmt: skip
            found[f"{GRADER.upper()}_{name}"] = os.environ[variable] if variable else "none"
        return found if asked.grader_model else {}


def _file(task: str) -> str:
    """Return the file that names a task; ``None`` for a package."""
    found = TASK.fullmatch(task)
    return (found["file"] or "") if found else ""


def _absolute(task: str) -> str:
    path = _file(task)
    return str(Path(path).resolve()) + task.removeprefix(path) if path else task


def _shown(log: dict[str, Any]) -> dict[str, Any]:
    """Return the log without secrets and the grader's URL."""
    told: dict[str, Any] = redacted_value(log)
    for role in (told["eval"].get("model_roles") or {}).values():
        for one in role if isinstance(role, list) else [role]:
            one.pop("base_url", None)
            one.pop("args", None)
    return told


def _notes(logs: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    version = logs[0]["eval"].get("packages", {}).get("inspect_ai", "unknown")
    yield "inspect-ai", f"inspect-ai {version}"
    for log in logs:
        asked, known = log["results"]["total_samples"], log["eval"]["dataset"]["samples"]
        text = f"{asked} answers to {known} samples" + (f" of version {log['eval']['task_version']}")
        yield f"inspect-ai: {log['eval']['task']}", text
