"""``report.json``: the last model in lm-evaluation-harness's layout, with the whole run beside it."""

import json
from typing import Any

from ftctl.domain.codec import to_plain
from ftctl_adapters.report.content import Content
from ftctl_adapters.report.verdict import verdict

BENCH = "bench"
PLACES = ("model", "model_args")


def document(content: Content) -> str:
    """Return the report as JSON.

    What reads results of lm-evaluation-harness finds ``results``, ``higher_is_better``, ``n-samples``, ``versions``,
    ``n-shot`` and ``configs`` by evaluator, and where `bench` ran all that it told itself, by its tasks; under
    ``ftctl`` stand all models, gates and comparisons.
    """
    metrics = content.run.get("metrics", {})
    last = next(reversed(metrics), "")
    ours = {name: names for name, names in content.measured.items() if not (name == BENCH and content.bench)}
    told = {name: [metrics[last][one] for one in names if one in metrics[last]]
            for name, names in ours.items()} if last else {}  # fmt: skip
    kind, said = verdict(content.run)
    found: dict[str, Any] = {
        "config": {"model": last},
        "task_hashes": {},
        "model_source": "ftctl",
        "model_name_sanitized": last,
        "system_instruction": None,
        "system_instruction_sha": None,
        "fewshot_as_multiturn": False,
        "chat_template": None,
        "chat_template_sha": None,
        "results": {name: _results(name, found) for name, found in told.items()},
        "higher_is_better": {name: _better(found) for name, found in told.items()},
        "n-samples": {n: _counts(max(one["n"] for one in f)) for n, f in told.items() if f},
        "n-shot": dict.fromkeys(told, 0),
        "versions": dict.fromkeys(told, 1),
        "configs": {name: {"task": name, "metadata": {"subject": last}} for name in told},
        "model_name": last,
        "total_evaluation_time_seconds": _seconds(content.run),
        "ftctl": {
            "verdict": {"kind": kind, "why": said},
            "run": content.run,
            "comparisons": {name: to_plain(one.differences) for name, one in content.comparisons.items()},
            "changed": {name: one.changed for name, one in content.comparisons.items()},
            "notes": content.notes,
            "lineage": content.lineage,
            "manifest": content.manifest,
        },
    }
    return json.dumps(_with_bench(found, content.bench), indent=1, ensure_ascii=False) + "\n"


def _with_bench(found: dict[str, Any], bench: dict[str, Any]) -> dict[str, Any]:
    """Add tasks of lm-evaluation-harness and its own report, without the model's path.

    A task that is called as one of our evaluators stands as ``bench.NAME``.
    """
    for key, value in bench.items():
        ours = found.get(key)
        if key == "config":
            found[key] = {name: one for name, one in value.items() if name not in PLACES} | found[key]
        elif isinstance(ours, dict) and isinstance(value, dict):
            found[key] = {f"{BENCH}.{name}" if name in ours else name: one for name, one in value.items()} | ours
        elif ours is None:
            found[key] = value
    return found


def _results(name: str, metrics: list[dict[str, Any]]) -> dict[str, Any]:
    values = {f"{one['name']},none": one["value"] for one in metrics}
    errors = {f"{one['name']}_stderr,none": "N/A" if one["stderr"] is None else one["stderr"] for one in metrics}
    return {"alias": name, **values, **errors}


def _counts(n: int) -> dict[str, int]:
    return {"original": n, "effective": n}


def _seconds(run: dict[str, Any]) -> str:
    stages = (one for one in run.get("stages", ()) if one["name"].startswith(("baseline", "evaluate")))
    return f"{sum(one['seconds'] for one in stages):.3f}"


def _better(metrics: list[dict[str, Any]]) -> dict[str, bool]:
    return {one["name"]: one["direction"] == "higher" for one in metrics if one["direction"] != "neither"}
