"""HTML page of ``ftctl bench-serve``."""

from collections.abc import Callable
from html import escape
from typing import Any

from ftctl_adapters.report.html_layout import page, table
from ftctl_adapters.report.line_chart import line_chart

CURVES: dict[str, Callable[[dict[str, Any]], float]] = {
    "tokens/s": lambda level: level["tokens_per_second"],
    "TTFT p50, ms": lambda level: level["ttft"]["p50"] * 1000,
    "latency p99, ms": lambda level: level["latency"]["p99"] * 1000,
}


def bench_page(document: dict[str, Any]) -> str:
    """Return the page: curves over concurrency, one row for each prompt length, and all figures."""
    title = f"{document['model']} at {document['url']}"
    body = [f"<h1>{escape(title)}</h1><p>Greedy, at most {document['max_tokens']} tokens an answer.</p>"]
    for length in dict.fromkeys(level["prompt_tokens_asked"] for level in document["levels"]):
        levels = [level for level in document["levels"] if level["prompt_tokens_asked"] == length]
        body.append(f"<h2>Prompts of about {length} tokens</h2>")
        if len(levels) > 1:
            body += [
                line_chart(name, [(level["concurrency"], value(level)) for level in levels], "requests at a time")
                for name, value in CURVES.items()
            ]
        body.append(table(_rows(levels)))
    return page(title, body)


def _rows(levels: list[dict[str, Any]]) -> list[list[str]]:
    flat = [
        {key: value for key, value in level.items() if not isinstance(value, dict)}
        | {f"{kind} {share}": value for kind in ("ttft", "tpot", "latency") for share, value in level[kind].items()}
        for level in levels
    ]
    return [list(flat[0]), *([f"{v:.4g}" if isinstance(v, float) else str(v) for v in row.values()] for row in flat)]
