"""``report.md``."""

from typing import Any

from ftctl_adapters.report.comparison import Comparison
from ftctl_adapters.report.content import Content
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


def markdown(content: Content) -> str:
    """Return the report as Markdown."""
    parts = [
        f"# Run {content.run.get('run_id')}",
        "**{}**: {}.".format(*verdict(content.run)),
        "## Gates",
        _table(gate_rows(content.run)),
        "## Metrics",
        _table(metric_rows(content.run)),
        *(part for name, one in content.comparisons.items() for part in _comparison(name, one)),
        *_slices(content),
        "## Stages",
        _table(stage_rows(content.run)),
        "## Data",
        _table(data_rows(content.data)),
        _table(funnel_rows(content.data)),
        _table(length_rows(content.data)),
        _table(sample_rows(content.rows)),
        "## Memory and disk, estimated",
        _table(memory_rows(content.plan)),
        "## Worst examples",
        *(_example(example) for example in content.examples),
        "## Manifest",
        "\n".join(f"- {key}: {value}" for key, value in content.manifest.items()),
        "## Notes",
        "\n".join(f"- {key}: {value}" for key, value in content.notes.items()) or "None.",
        "## Configuration",
        f"```yaml\n{content.spec}```",
        "## Lineage",
        *(_lineage(name, entry) for name, entry in content.lineage.items()),
    ]
    return "\n\n".join(parts) + "\n"


def _comparison(name: str, comparison: Comparison) -> list[str]:
    title = f"## {name}, over the same examples"
    changed = _table(changed_rows(comparison)) if comparison.changed else "No example is answered otherwise."
    return [title, _table(difference_rows(comparison)), changed]


def _slices(content: Content) -> list[str]:
    rows = content.slices
    return ["## Slices", _table(rows)] if rows else []


def _table(rows: list[list[str]]) -> str:
    if len(rows) < 2:
        return "None."
    cells = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in rows]
    head, *body = [f"| {' | '.join(row)} |" for row in cells]
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


def _example(example: dict[str, str]) -> str:
    return "\n".join(f"- {key}: {_code(value)}" for key, value in example.items())


def _code(text: str) -> str:
    return "`" + text.replace("`", "ˋ").replace("\n", "⏎") + "`"


def _lineage(name: str, entry: dict[str, Any]) -> str:
    inputs = "".join(f"\n  - {role}: `{digest}`" for role, digest in entry["inputs"].items())
    packages = ", ".join(f"{package} {version}" for package, version in entry["packages"].items())
    return (
        f"- **{name}** `{entry['artifact']}` ({entry['format']}) by {entry['plugin']}{inputs}\n  - packages: {packages}"
    )
