"""``bench``: tasks of lm-evaluation-harness, by itself, in an environment of its own."""

import errno
import hashlib
import json
import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attrs import evolve

from ftctl.domain.example import Example
from ftctl.domain.metric import Direction, Metric, mean_metric
from ftctl.domain.report import Report
from ftctl.errors import FtctlError
from ftctl.plugin import option, options
from ftctl.ports import Evaluator, LoadedModel, StageContext, Target
from ftctl.ports.evaluator import EvaluatorError
from ftctl_plugins.evaluators.external.bench_tasks import fingerprint, is_file

RESULTS = "bench.results.json"
"""What lm-eval itself has told, beside the report."""

PASSING = ("date", "pretty_env_info", "total_evaluation_time_seconds", "start_time", "end_time")
"""What it tells of this very time."""

UNITS = {"bits_per_byte": "bit", "bleu": "bleu", "chrf": "chrf", "ter": "ter"}
"""Of figures that are no shares; of others lm-eval does not say."""


@options
class BenchOptions:
    """Options of `Bench`."""

    tasks: tuple[str, ...] = option(
        help="Names of tasks and groups, or paths of YAML files; see `lm-eval ls tasks`.", location=True
    )
    include_path: str | None = option(None, help="A folder with further tasks.", location=True)
    num_fewshot: int | None = option(None, help="Examples before each question; null: as the task says.", ge=0)
    apply_chat_template: bool = option(False, help="Ask in the model's chat template.")
    system_instruction: str | None = option(None, help="System message before each question.")
    limit: int | None = option(None, help="Measure only this many examples of each task: for a first look.", ge=1)
    batch_size: int = option(8, help="Requests in one batch; changes bfloat16 results slightly.", ge=1)
    max_length: int | None = option(None, help="Context in tokens; null: that of the model.", ge=1)
    bootstrap_iters: int = option(
        100_000, help="Bootstrap iterations for standard errors of metrics that are not means.", ge=0
    )
    confirm_run_unsafe_code: bool = option(
        False, help="Allow tasks that run what the model writes, as you, in no sandbox; `code` has one."
    )


class Bench(Evaluator):
    """Runs lm-evaluation-harness; the numbers equal those of the `lm-eval` command, to the last bit.

    A metric is called ``task.figure``, with ``.filter`` where a task has several. The model is the one that the stage
    has loaded. lm-eval keeps what was answered, so that a killed evaluation goes on.
    """

    def __init__(self, options: BenchOptions) -> None:
        self._options = options

    def fingerprint(self) -> str:
        return fingerprint(self._options.tasks, self._options.include_path) + json.dumps(self._options.tasks)

    def evaluate(self, target: Target, data: Sequence[Example], context: StageContext) -> Report:
        inside = target.inside()
        watch = inside.model.register_forward_pre_hook(lambda *_: context.stop_if_cancelled())
        try:
            found = self._measured(inside, context.work)
        except (FtctlError, MemoryError):
            raise
        except Exception as error:
            if type(error).__name__ == "OutOfMemoryError" or getattr(error, "errno", None) == errno.ENOSPC:
                raise
            said = str(error).strip() or "no reason given"
            text = f"lm-eval ended: {type(error).__name__}: {said.splitlines()[0]}"
            step = "a task on the hub must be in the cache when HF_HUB_OFFLINE is set; the worker's log has the rest"
            raise EvaluatorError(text, next_step=step, details=tuple(said.splitlines()[1:6])) from error
        finally:
            watch.remove()
        samples = found.pop("samples", {})
        found["task_hashes"] = {task: _task_hash(rows) for task, rows in samples.items()}
        for passing in PASSING:
            found.pop(passing, None)
        found.get("config", {}).pop("use_cache", None)
        told = json.dumps(found, indent=1, ensure_ascii=False, default=str)
        (context.out / RESULTS).write_text(told, encoding="utf-8")
        records = [_record(task, one) for task, rows in samples.items() for one in rows]
        notes = {f"bench: {task}": f"task hash {digest}" for task, digest in found["task_hashes"].items()}
        return Report("bench", tuple(_metrics(found, records)), tuple(records), notes)

    def _measured(self, inside: LoadedModel, work: Path) -> dict[str, Any]:
        import multiprocessing

        from lm_eval import simple_evaluate
        from lm_eval.models.huggingface import HFLM
        from lm_eval.tasks import TaskManager
        from lm_eval.tasks._yaml_loader import load_yaml

        # it bootstraps in several processes, which may hang where they are forked beside threads
        multiprocessing.set_start_method("forkserver", force=True)
        asked = self._options
        # as its own command reads them; there is no other way to name a file
        tasks = [load_yaml(one, resolve_func=True) if is_file(one) else one for one in asked.tasks]
        whole = all(isinstance(one, dict) and "group" not in one for one in tasks)
        if asked.confirm_run_unsafe_code:
            os.environ["HF_ALLOW_CODE_EVAL"] = "1"
        model = HFLM(
            pretrained=inside.model,
            tokenizer=inside.tokenizer.raw,
            batch_size=asked.batch_size,
            max_length=asked.max_length,
        )
        found: dict[str, Any] = simple_evaluate(
            model=model,
            tasks=tasks,
            # hundreds of tasks need not be indexed where none of them is meant
            task_manager=TaskManager(include_path=asked.include_path, include_defaults=not whole),
            num_fewshot=asked.num_fewshot,
            limit=asked.limit,
            apply_chat_template=asked.apply_chat_template,
            system_instruction=asked.system_instruction,
            bootstrap_iters=asked.bootstrap_iters,
            confirm_run_unsafe_code=asked.confirm_run_unsafe_code,
            use_cache=str(work / "lm-eval"),
        )
        return found


def _task_hash(samples: Sequence[dict[str, Any]]) -> str:
    """Return the task hash that the `lm-eval` command prints."""
    hashes = "".join(one["doc_hash"] + one["prompt_hash"] + one["target_hash"] for one in samples)
    return hashlib.sha256(hashes.encode()).hexdigest()


def _record(task: str, sample: dict[str, Any]) -> dict[str, Any]:
    """Return the record of a task's example, with its figures by metric."""
    kept = sample.get("filter", "none")
    asked = next(iter(sample["arguments"]), None) if sample["arguments"] else None
    where = f"{task}.{sample['doc_id']}" + ("" if kept == "none" else f".{kept}")
    figures = {name: sample.get(name) for name in sample.get("metrics", ())}
    return {
        "where": where,
        "prompt": str(asked[0]) if isinstance(asked, tuple | list) and asked else "",
        "expected": str(sample.get("target", "")),
        "answer": json.dumps(sample.get("filtered_resps"), ensure_ascii=False, default=str),
        **{_name(task, name, kept): float(one) for name, one in figures.items() if isinstance(one, int | float)},
    }


def _metrics(found: dict[str, Any], records: Sequence[dict[str, Any]]) -> list[Metric]:
    metrics = []
    for task, figures in found["results"].items():
        for key, value in figures.items():
            figure, _, kept = key.partition(",")
            if not kept or figure.endswith("_stderr") or not isinstance(value, int | float) or not math.isfinite(value):
                continue
            better = found["higher_is_better"].get(task, {}).get(figure)
            direction: Direction = "lower" if better is False else "higher"
            name, error = _name(task, figure, kept), figures.get(f"{figure}_stderr,{kept}")
            count = found["n-samples"].get(task, {}).get("effective") or figures.get("sample_len") or len(records)
            known = error if isinstance(error, int | float) and math.isfinite(error) else None
            metric = Metric(name, value, _unit(figure), direction, int(count), known)
            metrics.append(_bounded(metric, [one[name] for one in records if name in one]))
    return metrics


def _bounded(metric: Metric, values: Sequence[float]) -> Metric:
    """Add the bounds of a share where the metric is a mean of shares; lm-eval's interval fails near 0 and 1."""
    if not values or not all(0 <= one <= 1 for one in values):
        return metric
    mean = mean_metric(metric.name, values, unit="share", direction=metric.direction)
    if not math.isclose(mean.value, metric.value, abs_tol=1e-9):
        return metric
    return evolve(mean, n=metric.n, stderr=metric.stderr)


def _unit(figure: str) -> str:
    return UNITS.get(figure) or ("perplexity" if figure.endswith("perplexity") else "figure")


def _name(task: str, figure: str, kept: str) -> str:
    return f"{task}.{figure}" + ("" if kept == "none" else f".{kept}")
