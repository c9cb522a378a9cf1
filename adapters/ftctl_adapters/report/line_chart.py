"""Small line charts as inline SVG: no script, no network, readable in ten years."""

from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT, LEFT, BOTTOM = 520, 180, 56, 24


def line_chart(title: str, points: Sequence[tuple[float, float]], along: str = "step") -> str:
    """Draw a series of at least two (x, y) points as an ``<svg>`` element; ``along`` names the x axis."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    low, high = min(ys), max(ys)
    spread, reach = (high - low) or 1.0, (max(xs) - min(xs)) or 1.0
    inner_width, inner_height = WIDTH - LEFT - 8, HEIGHT - BOTTOM - 24
    placed = [(LEFT + (x - min(xs)) / reach * inner_width, 24 + (high - y) / spread * inner_height) for x, y in points]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
    return (
        f'<svg role="img" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}"><title>{escape(title)}</title>'
        f'<text x="{LEFT}" y="14" class="title">{escape(title)}</text>'
        f'<text x="{LEFT - 6}" y="30" text-anchor="end">{_label(high)}</text>'
        f'<text x="{LEFT - 6}" y="{HEIGHT - BOTTOM}" text-anchor="end">{_label(low)}</text>'
        f'<text x="{LEFT}" y="{HEIGHT - 6}">{min(xs):g}</text>'
        f'<text x="{WIDTH - 8}" y="{HEIGHT - 6}" text-anchor="end">{escape(along)} {max(xs):g}</text>'
        f'<polyline points="{path}" fill="none" stroke="currentColor" stroke-width="1.5"/></svg>'
    )


def _label(value: float) -> str:
    """Return a number short enough for the margin."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
