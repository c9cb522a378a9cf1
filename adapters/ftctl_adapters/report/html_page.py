"""``report.html``: one file, nothing fetched, no script."""

from html import escape

from ftctl_adapters.report.comparison import Comparison
from ftctl_adapters.report.content import Content
from ftctl_adapters.report.html_layout import page, table
from ftctl_adapters.report.interpretability import looked_into
from ftctl_adapters.report.interval_chart import interval_chart, legend
from ftctl_adapters.report.line_chart import line_chart
from ftctl_adapters.report.tables import (
    changed_rows,
    data_rows,
    difference_rows,
    funnel_rows,
    gate_rows,
    length_rows,
    memory_rows,
    metric_rows,
    sample_rows,
    stage_rows,
)
from ftctl_adapters.report.verdict import verdict


def html_page(content: Content) -> str:
    """Return the report as a page that opens without a network."""
    title = f"Run {content.run.get('run_id')}"
    charts = "".join(line_chart(name, points) for name, points in content.curves.items())
    body = [
        f"<h1>{escape(title)}</h1>",
        _verdict(content),
        "<h2>Gates</h2>" + table(gate_rows(content.run)),
        "<h2>Metrics</h2>" + table(metric_rows(content.run)) + _intervals(content),
        *(part for name, one in content.comparisons.items() for part in _comparison(name, one)),
        *_slices(content),
        f"<h2>Training</h2>{charts or '<p>No curves.</p>'}",
        "<h2>Stages</h2>" + table(stage_rows(content.run)),
        "<h2>Data</h2>" + table(data_rows(content.data)),
        table(funnel_rows(content.data)),
        table(length_rows(content.data)),
        table(sample_rows(content.rows)),
        "<h2>Memory and disk, estimated</h2>" + table(memory_rows(content.plan)),
        "<h2>Worst examples</h2>" + _examples(content.examples),
        *looked_into(content.looked_into),
        "<h2>Manifest</h2>" + table([["what", "which"], *([k, v] for k, v in content.manifest.items())]),
        "<h2>Notes</h2>" + table([["what", "note"], *([k, v] for k, v in content.notes.items())]),
        f"<h2>Configuration</h2><pre>{escape(content.spec)}</pre>",
        "<h2>Lineage</h2>" + table(_lineage_rows(content)),
    ]
    return page(title, body)


def _comparison(name: str, comparison: Comparison) -> list[str]:
    title = f"<h2>{escape(name)}, over the same examples</h2>"
    changed = table(changed_rows(comparison)) if comparison.changed else "<p>No example is answered otherwise.</p>"
    return [title, table(difference_rows(comparison)), changed]


def _verdict(content: Content) -> str:
    kind, said = verdict(content.run)
    name = {"none": "No verdict", "pass": "Pass", "fail": "Fail", "inconclusive": "Inconclusive"}[kind]
    return f'<p class="verdict {kind}"><b>{name}</b>: {escape(said)}</p>'


def _slices(content: Content) -> list[str]:
    rows = content.slices
    told = "<p>Of many slices one is always the worst: the notes name those that chance does not explain.</p>"
    return [f"<h2>Slices</h2>{table(rows)}{told}"] if rows else []


def _intervals(content: Content) -> str:
    chart = interval_chart(content.run)
    return chart and f"<h3>Shares, with bounds of 95 % where they are known</h3>{legend(content.run)}{chart}"


def _examples(examples: list[dict[str, str]]) -> str:
    if not examples:
        return "<p>No texts were compared.</p>"
    columns = list(dict.fromkeys(key for example in examples for key in example))
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    rows = "".join(
        "<tr>" + "".join(f"<td><code>{escape(row.get(column, '–'))}</code></td>" for column in columns) + "</tr>"
        for row in examples
    )
    return f"<table><tr>{head}</tr>{rows}</table>"


def _lineage_rows(content: Content) -> list[list[str]]:
    rows = [["stage", "artifact", "format", "plugin", "inputs", "packages"]]
    for name, entry in content.lineage.items():
        inputs = ", ".join(f"{role} {digest[:12]}" for role, digest in entry["inputs"].items())
        packages = ", ".join(f"{package} {version}" for package, version in entry["packages"].items())
        rows.append([name, entry["artifact"], str(entry["format"]), entry["plugin"], inputs, packages])
    return rows
