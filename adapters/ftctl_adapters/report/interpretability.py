"""Interpretability section of the HTML report."""

from typing import Any

from ftctl_adapters.report.heat_map import heat_map
from ftctl_adapters.report.html_layout import table
from ftctl_adapters.report.lens_table import lens_tables

LOOKING = ("attribution", "attention", "lens", "influence")
"""The evaluators whose records are shown."""

DEPENDS = "Blue words made the answer more probable, orange ones less; its notes say whether to believe that."
PAYS = (
    "Blue words were looked at while the answer was made, over all blocks and heads. This explains nothing by itself."
)
SAYS = "From the last block to the first: what each would say in every place of the answer, and how sure it is."
PULLS = "Training examples whose loss pulls the model the way the example's does, by the cosine of their gradients."
EXAMPLES, TEXT = 8, 120
"""How many are shown, and characters of a text."""


def looked_into(records: dict[str, list[dict[str, Any]]]) -> list[str]:
    """Return a part for each evaluator of `LOOKING` that has records to show."""
    parts = [
        ("What answers depend on", DEPENDS, heat_map(records.get("attribution", ()))),
        ("Where the model looks", PAYS, heat_map(records.get("attention", ()))),
        ("What each block would say", SAYS, lens_tables(records.get("lens", ()))),
        ("Nearest training examples", PULLS, _nearest(records.get("influence", []))),
    ]
    return [f"<h2>{title}</h2><p>{told}</p>{shown}" for title, told, shown in parts if shown]


def _nearest(records: list[dict[str, Any]]) -> str:
    rows = [["example", "cosine", "training example", "its question", "its answer"]]
    for record in [one for one in records if one.get("nearest")][:EXAMPLES]:
        for one in record["nearest"]:
            texts = [str(one[key]) for key in ("prompt", "answer")]
            short = [text if len(text) <= TEXT else f"{text[:TEXT]}…" for text in texts]
            rows.append([record["where"], f"{one['cosine']:.3f}", one["where"], *short])
    return table(rows) if len(rows) > 1 else ""
