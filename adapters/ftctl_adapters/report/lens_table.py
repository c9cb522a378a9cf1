"""Logit-lens table: blocks from the last to the first, tokens of an answer."""

from collections.abc import Sequence
from html import escape
from typing import Any

SHOWN, BLOCKS, TOKENS = 3, 12, 12
"""Examples, and of each so many blocks, evenly spread, and tokens."""


def lens_tables(records: Sequence[dict[str, Any]]) -> str:
    """Return HTML of the first examples with their layers' tokens; empty if there are none."""
    told = [record for record in records if record.get("layers")][:SHOWN]
    return "".join(f"<p><code>{escape(str(record['prompt']))}</code></p>{_table(record)}" for record in told)


def _table(record: dict[str, Any]) -> str:
    layers = record["layers"]
    count = min(len(layers), BLOCKS)
    numbers = sorted({round(place * (len(layers) - 1) / max(count - 1, 1)) for place in range(count)}, reverse=True)
    rows = "".join(_row(number, layers[number], record["divergence"][number]) for number in numbers)
    return f'<table class="lens"><tr><th>block</th><th>nats away</th></tr>{rows}</table>'


def _row(number: int, layer: dict[str, Any], divergence: float) -> str:
    told = list(zip(layer["tokens"], layer["probability"], strict=True))[:TOKENS]
    cells = "".join(
        f'<td style="background:rgba(9,105,218,{0.6 * share:.2f})" title="{share:.2f}">{escape(token)}</td>'
        for token, share in told
    )
    return f"<tr><td>{number + 1}</td><td>{divergence:.3g}</td>{cells}</tr>"
