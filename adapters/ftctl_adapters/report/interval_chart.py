"""Draw shares with their bounds on one axis, model below model, as inline SVG."""

from html import escape
from typing import Any

from ftctl.application.model_variants import STAGES

WIDTH, LEFT, RIGHT, ROW, TOP = 640, 190, 44, 14, 22
NORMAL = 1.96
"""Standard errors to each side that hold 95 %."""


def interval_chart(run: dict[str, Any]) -> str:
    """Draw one block a metric; empty if no share was measured."""
    metrics = run.get("metrics", {})
    names = list(dict.fromkeys(n for found in metrics.values() for n, one in found.items() if one["unit"] == "share"))
    if not names:
        return ""
    parts, y = [], TOP
    for name in names:
        parts.append(f'<text x="{LEFT - 10}" y="{y + 10}" text-anchor="end">{escape(name)}</text>')
        for subject in (one for one in metrics if name in metrics[one]):
            parts.append(_row(subject, metrics[subject][name], y))
            y += ROW
        y += 8
    grid = "".join(
        f'<line x1="{_x(share):.1f}" x2="{_x(share):.1f}" y1="{TOP - 6}" y2="{y - 4}" class="grid"/>'
        f'<text x="{_x(share):.1f}" y="{TOP - 10}" text-anchor="middle">{share:g}</text>'
        for share in (0, 0.25, 0.5, 0.75, 1)
    )
    return (
        f'<svg role="img" viewBox="0 0 {WIDTH} {y + 4}" width="{WIDTH}"><title>shares with their bounds of 95 %</title>'
        f"{grid}{''.join(parts)}</svg>"
    )


def legend(run: dict[str, Any]) -> str:
    """Draw the legend."""
    marks = [f'<span class="{_colour(one)}">●</span> {escape(one)}' for one in run.get("metrics", {})]
    return f"<p>{' &nbsp; '.join(marks)}</p>" if marks else ""


def _colour(subject: str) -> str:
    """Return the colour of a model, the same in every report."""
    return f"s{list(STAGES).index(subject)}"


def _row(subject: str, metric: dict[str, Any], y: float) -> str:
    bounds, middle = _bounds(metric), y + ROW / 2
    said, line = f"{subject}: {metric['value']:.4g}, n {metric['n']}", ""
    if bounds:
        low, high = bounds
        said += f", {low:.3g} to {high:.3g}"
        line = f'<line x1="{_x(low):.1f}" x2="{_x(high):.1f}" y1="{middle}" y2="{middle}" class="bounds"/>'
    return (
        f'<g class="{_colour(subject)}"><title>{escape(said)}</title>{line}'
        f'<circle cx="{_x(metric["value"]):.1f}" cy="{middle}" r="3.5" fill="currentColor"/></g>'
    )


def _bounds(metric: dict[str, Any]) -> tuple[float, float] | None:
    """Return the bounds of a figure; ``None`` if its uncertainty is unknown."""
    if metric.get("low") is not None and metric.get("high") is not None:
        return metric["low"], metric["high"]
    if metric.get("stderr") is None:
        return None
    value, error = metric["value"], NORMAL * metric["stderr"]
    return max(0.0, value - error), min(1.0, value + error)


def _x(share: float) -> float:
    return LEFT + min(max(share, 0.0), 1.0) * (WIDTH - LEFT - RIGHT)
