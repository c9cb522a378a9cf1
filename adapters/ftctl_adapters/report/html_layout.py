"""An HTML page: one file, nothing fetched, no script."""

from html import escape

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
table{border-collapse:collapse;margin:.5rem 0 1.5rem;display:block;max-width:100%;overflow-x:auto}
td,th{border:1px solid #d0d7de;padding:.25rem .6rem;text-align:left}
th{background:#f6f8fa}code,pre{font:13px/1.45 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere}
pre{background:#f6f8fa;padding:.8rem}td code{display:block;min-width:8rem}
svg{color:#0969da;margin-right:1rem;max-width:100%;height:auto}svg text{font:11px system-ui;fill:#57606a}
svg .title{font-weight:600;fill:#1b1f24}svg .grid{stroke:#d0d7de}svg .bounds{stroke:currentColor;stroke-width:2}
.s0{color:#6e7781}.s1{color:#0969da}.s2{color:#bc4c00}.s3{color:#1a7f37}
.heat span{white-space:pre-wrap;overflow-wrap:anywhere}
.lens td{white-space:pre;overflow-wrap:normal}
.verdict{border-left:.4rem solid #6e7781;background:#f6f8fa;padding:.6rem 1rem;font-size:1.05rem}
.verdict.pass{border-color:#1a7f37}.verdict.fail{border-color:#cf222e}.verdict.inconclusive{border-color:#bf8700}
@media (prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}th,pre,.verdict{background:#161b22}
td,th{border-color:#30363d}svg .grid{stroke:#30363d}.s0{color:#8b949e}.s1,svg{color:#58a6ff}.s2{color:#f0883e}
.s3{color:#3fb950}
svg text{fill:#8b949e}svg .title{fill:#e6edf3}}
"""


def page(title: str, body: list[str]) -> str:
    """Return the whole page; the parts of the body are HTML already."""
    head = f'<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
    return (
        f'<!doctype html><html lang="en"><head>{head}<style>{STYLE}</style></head><body>{"".join(body)}</body></html>\n'
    )


def table(rows: list[list[str]]) -> str:
    """Return an HTML table of the rows under their header."""
    if len(rows) < 2:
        return "<p>None.</p>"
    head = "".join(f"<th>{escape(cell)}</th>" for cell in rows[0])
    body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows[1:])
    return f"<table><tr>{head}</tr>{body}</table>"
