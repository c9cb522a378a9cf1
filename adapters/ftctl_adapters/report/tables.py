"""The tables of a report as rows of text, the header first."""

from statistics import fmean
from typing import Any

from ftctl.domain.codec import from_plain
from ftctl.domain.gate_result import GateResult
from ftctl_adapters.report.comparison import Comparison
from ftctl_adapters.report.verdict import NONE

SHOWN = 120
"""Characters of a sample."""


def metric_rows(run: dict[str, Any]) -> list[list[str]]:
    """Return metrics of base, tuned and compressed side by side, with bounds or standard errors."""
    metrics = run.get("metrics", {})
    subjects = list(metrics)
    names = list(dict.fromkeys(name for found in metrics.values() for name in found))
    rows = [["metric", *subjects, "unit", "better", "n"]]
    for name in names:
        cells = [metric_text(metrics[subject].get(name)) for subject in subjects]
        found = [metrics[subject].get(name) for subject in subjects]
        one = next(metric for metric in found if metric)
        rows.append([name, *cells, one["unit"], one["direction"], _numbers(found)])
    return rows


def _numbers(found: list[dict[str, Any] | None]) -> str:
    """Return the number of examples of a metric, of each model variant where they differ."""
    counts = [str(metric["n"]) if metric else "–" for metric in found]
    known = {count for count in counts if count != "–"}
    return known.pop() if len(known) == 1 else " / ".join(counts)


def metric_text(metric: dict[str, Any] | None) -> str:
    """Format a value with its bounds, ``0.87 (0.84 to 0.9)``, or its standard error, ``0.871 ± 0.014``."""
    if metric is None:
        return "–"
    if metric.get("low") is not None and metric.get("high") is not None:
        return f"{metric['value']:.4g} ({metric['low']:.3g} to {metric['high']:.3g})"
    error = f" ± {metric['stderr']:.2g}" if metric["stderr"] is not None else ""
    return f"{metric['value']:.4g}{error}"


def gate_rows(run: dict[str, Any]) -> list[list[str]]:
    """Return the results of gates, or a row saying that there are none."""
    results = [from_plain(told, GateResult) for told in run.get("gates", ())]
    rows = [[result.verdict, result.line().partition(": ")[2]] for result in results]
    return [["verdict", "gate"], *(rows or [["–", NONE]])]


def difference_rows(comparison: Comparison, before: str = "before", after: str = "after") -> list[list[str]]:
    """Return the differences over the examples that both models were measured on."""
    rows = [["figure", "n", before, after, "difference", "95 %", "p, adjusted", ""]]
    for one in comparison.differences:
        means = [one.name, str(one.n), f"{one.before:.4g}", f"{one.after:.4g}", f"{one.delta:+.4g}"]
        rows.append([*means, f"{one.low:+.3g} to {one.high:+.3g}", f"{one.adjusted:.2g}", one.verdict])
    return rows


def changed_rows(comparison: Comparison) -> list[list[str]]:
    """Return the examples whose figures changed most, with both answers."""
    rows = [["example", "figure", "difference", "question", "before", "after"]]
    for one in comparison.changed:
        texts = [str(one[key]) for key in ("prompt", "before", "after")]
        short = [text if len(text) <= SHOWN else f"{text[:SHOWN]}…" for text in texts]
        rows.append([one["where"], one["figure"], f"{one['delta']:+.3g}", *short])
    return rows


def slice_rows(slices: dict[str, list[dict[str, Any]]]) -> list[list[str]]:
    """Return the mean F1 of each slice of the test split, by model; the last model's worst first."""
    told = {subject: _means(records) for subject, records in slices.items() if records}
    if not any(told.values()):
        return []
    last = next(reversed(told.values()))
    names = sorted(last, key=lambda name: last[name][0])
    rows = [[name, str(last[name][1]), *(f"{found[name][0]:.3f}" if name in found else "–" for found in told.values())]
            for name in names]  # fmt: skip
    return [["slice", "n", *told], *rows]


def _means(records: list[dict[str, Any]]) -> dict[str, tuple[float, int]]:
    values: dict[str, list[float]] = {}
    for record in records:
        for name in record.get("slices", ()):
            values.setdefault(name, []).append(record["shift_f1"])
    return {name: (fmean(found), len(found)) for name, found in values.items()}


def stage_rows(run: dict[str, Any]) -> list[list[str]]:
    """Return every stage with its plugin, status and time."""
    rows = [["stage", "plugin", "status", "seconds", "peak MB", "artifact"]]
    for stage in run.get("stages", []):
        artifact = (stage["artifact"] or "–").partition("/")
        short = f"{artifact[0]}/{artifact[2][:12]}" if artifact[2] else "–"
        peak = f"{stage['peak_rss_bytes'] / 1e6:,.0f}" if stage["peak_rss_bytes"] else "–"
        # with room for a line to end between several
        plugin = (stage["plugin"] or "–").replace("+", " + ")
        rows.append([stage["name"], plugin, stage["status"], f"{stage['seconds']:.1f}", peak, short])
    return rows


def data_rows(summary: dict[str, Any]) -> list[list[str]]:
    """Return the ledger's totals: states, splits, reasons."""
    rows = [["what", "rows"], ["read", str(summary.get("rows", 0))]]
    for group in ("states", "splits", "reasons"):
        rows += [[f"{group[:-1]} {name}", str(count)] for name, count in summary.get(group, {}).items()]
    for use in ("used", "kept", "ignored", "unreadable"):
        rows += [[f"key {use}: {name}", str(count)] for name, count in summary.get(f"keys_{use}", {}).items()]
    rows += [["note", text] for text in summary.get("notes", ())]
    return rows if summary else []


def funnel_rows(summary: dict[str, Any]) -> list[list[str]]:
    """Return the rows kept, changed and rejected by each data step."""
    steps = summary.get("funnel", [])
    told = sorted({what for step in steps for what in step} - {"step", "rows"})
    rows = [[step["step"], str(step["rows"]), *(str(step.get(what, 0)) for what in told)] for step in steps]
    return [["step", "rows", *told], *rows] if steps else []


def memory_rows(plan: dict[str, Any]) -> list[list[str]]:
    """Return the planned memory."""
    resources = plan.get("resources", {})
    rows = [["phase", "MB"]]
    rows += [[phase, f"{size / 1e6:,.0f}"] for phase, size in resources.get("memory", {}).items()]
    return [*rows, ["disk", f"{resources['disk'] / 1e6:,.0f}"]] if resources else []


def length_rows(summary: dict[str, Any]) -> list[list[str]]:
    """Return the length histogram of each split."""
    lengths = summary.get("lengths", {})
    bounds = sorted({int(bound) for told in lengths.values() for bound in told})
    most = max((count for told in lengths.values() for count in told.values()), default=1)
    first = next(iter(lengths), "")
    rows = [
        [f"{bound // 2:,} to {bound - 1:,}", *(str(told.get(str(bound), 0)) for told in lengths.values()),
         "▇" * round(24 * lengths[first].get(str(bound), 0) / most)]
        for bound in bounds
    ]  # fmt: skip
    return [["characters", *lengths, ""], *rows] if rows else []


def sample_rows(samples: list[list[str]]) -> list[list[str]]:
    """Return a few rows of each split, and of each state of dropped rows."""
    short = [[kind, where, text if len(text) <= SHOWN else f"{text[:SHOWN]}…"] for kind, where, text in samples]
    return [["row of", "place", "text, or why not"], *short] if short else []
