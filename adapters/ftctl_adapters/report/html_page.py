"""``report.html``: one file, nothing fetched, no script."""

from html import escape

from ftctl_adapters.report.content import Content
from ftctl_adapters.report.curve import line_chart
from ftctl_adapters.report.tables import data_rows, memory_rows, metric_rows, stage_rows

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
table{border-collapse:collapse;margin:.5rem 0 1.5rem}
td,th{border:1px solid #d0d7de;padding:.25rem .6rem;text-align:left}
th{background:#f6f8fa}code,pre{font:13px/1.45 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere}
pre{background:#f6f8fa;padding:.8rem}svg{color:#0969da;margin-right:1rem}svg text{font:11px system-ui;fill:#57606a}
svg .title{font-weight:600;fill:#1b1f24}
@media (prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}th,pre{background:#161b22}
td,th{border-color:#30363d}
svg text{fill:#8b949e}svg .title{fill:#e6edf3}}
"""


def html_page(content: Content) -> str:
    """The report as a page that opens without a network."""
    title = escape(f"Run {content.run.get('run_id')}")
    charts = "".join(line_chart(name, points) for name, points in content.curves.items())
    body = [
        f"<h1>{title}</h1><p>Status: <b>{escape(str(content.run.get('status')))}</b></p>",
        "<h2>Metrics</h2>" + _table(metric_rows(content.run)),
        f"<h2>Training</h2>{charts or '<p>No curves.</p>'}",
        "<h2>Stages</h2>" + _table(stage_rows(content.run)),
        "<h2>Data</h2>" + _table(data_rows(content.data)),
        "<h2>Memory and disk, estimated</h2>" + _table(memory_rows(content.plan)),
        "<h2>Examples</h2>" + _examples(content.examples),
        "<h2>Notes</h2>" + _table([["what", "note"], *([k, v] for k, v in content.notes.items())]),
        f"<h2>Configuration</h2><pre>{escape(content.spec)}</pre>",
        "<h2>Lineage</h2>" + _table(_lineage_rows(content)),
    ]
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
    return (
        f'<!doctype html><html lang="en"><head>{head}<style>{STYLE}</style></head><body>{"".join(body)}</body></html>\n'
    )


def _table(rows: list[list[str]]) -> str:
    if len(rows) < 2:
        return "<p>None.</p>"
    head = "".join(f"<th>{escape(cell)}</th>" for cell in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows[1:])
    return f"<table><tr>{head}</tr>{body}</table>"


def _examples(examples: list[dict[str, str]]) -> str:
    if not examples:
        return "<p>None.</p>"
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
