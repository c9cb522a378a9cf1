"""Metrics and samples of Inspect's logs."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from attrs import evolve

from ftctl.domain.metric import Direction, Metric
from ftctl_plugins.evaluators.external.inspect_checks import Log, missing_score
from ftctl_plugins.evaluators.own_cases import share

WORDS = {"C": 1.0, "I": 0.0, "P": 0.5, "N": 0.0}
"""Correct, incorrect, partially, no answer, as Inspect itself counts them."""

ERRORS = ("stderr", "std", "var", "bootstrap_stderr")
"""What is said of another figure, and none itself."""

MEANS = ("accuracy", "mean")
"""Figures that are the mean over samples, where their samples were not reduced by anything else."""
CLOSE = 1e-6


def metrics(log: Log, lower: Sequence[str]) -> Iterator[Metric]:
    """Return every metric of every scorer, as computed by Inspect."""
    for score in log["results"]["scores"]:
        figures = {name: one["value"] for name, one in score["metrics"].items()}
        told = {_place(one): value for one in log["samples"] if (value := _value(one, score)) is not None}
        for figure, value in figures.items():
            if figure in ERRORS or not isinstance(value, int | float) or not math.isfinite(value):
                continue
            name = _name(log, score, figure)
            direction: Direction = "lower" if name in lower else "higher"
            count = score["scored_samples"] or len(told)
            whole = Metric(name, float(value), "figure", direction, count, figures.get("stderr"))
            pairs = [(one, told[_place(one)]) for one in log["samples"] if _place(one) in told]
            yield _bounded(whole, pairs) if _is_mean(figure, score) else whole


def records(log: Log, found: Sequence[Metric]) -> Iterator[dict[str, Any]]:
    """Yield a record for each sample and epoch, with the values that each metric is the mean of."""
    task, known = log["eval"]["task"], {metric.name: metric for metric in found}
    for sample in log["samples"]:
        record: dict[str, Any] = {
            "where": f"{task}.{_place(sample)}",
            "prompt": _asked(sample),
            "expected": _text(sample["target"]),
            "answer": _answer(sample),
            "cluster": f"{task}.{sample['id']}",
        }
        why = missing_score(sample, log)
        if why:
            yield record | {"error": why}
            continue
        for score in log["results"]["scores"]:
            value = _value(sample, score)
            for figure in score["metrics"]:
                metric = known.get(_name(log, score, figure))
                # a figure that is no mean of its samples has no share in them
                if metric is not None and metric.unit == "share" and value is not None:
                    record[metric.name] = value
        yield record


def _name(log: Log, score: dict[str, Any], figure: str) -> str:
    """Return the metric's name, with the reducer if there were several."""
    times = Counter(one["name"] for one in log["results"]["scores"])
    reduced = f".{score['reducer']}" if times[score["name"]] > 1 and score.get("reducer") else ""
    return f"{log['eval']['task']}.{score['name']}.{figure}{reduced}"


def _is_mean(figure: str, score: dict[str, Any]) -> bool:
    one = score["metrics"][figure]
    return figure in MEANS and not one.get("params") and score.get("reducer") in (None, "mean")


def _bounded(metric: Metric, told: Sequence[tuple[dict[str, Any], float]]) -> Metric:
    """Add the bounds of a share where the metric is a mean of shares, repeated samples counted once."""
    values = [value for _, value in told]
    if not values or not all(0 <= one <= 1 for one in values):
        return metric
    mean = share(metric.name, values, metric.direction, [str(sample["id"]) for sample, _ in told])
    return evolve(mean, value=metric.value) if math.isclose(mean.value, metric.value, abs_tol=CLOSE) else metric


def _place(sample: dict[str, Any]) -> str:
    return f"{sample['id']}.{sample['epoch']}"


def _value(sample: dict[str, Any], score: dict[str, Any]) -> float | None:
    """Return a sample's score as numbers; one scorer may have several, by name."""
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
    """Return the sample's question, without turns of the model."""
    given = sample["input"]
    turns = [one["content"] for one in given if one.get("role") == "user"] if isinstance(given, list) else [given]
    told = _text(turns[-1]) if turns else ""
    # long texts stand in a table beside
    return str((sample.get("attachments") or {}).get(told.removeprefix("attachment://"), told))


def _answer(sample: dict[str, Any]) -> str:
    choices = (sample.get("output") or {}).get("choices") or ()
    return _text(choices[0]["message"]["content"]) if choices else ""


def _text(value: Any) -> str:
    """Return content as text: parts of a turn, or several targets."""
    if isinstance(value, list):
        return "\n".join(_text(one) for one in value)
    return str(value.get("text", value.get("content", "")) if isinstance(value, dict) else value)
