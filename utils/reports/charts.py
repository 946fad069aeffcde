"""Small charts without a library: bars by name, histograms, and curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from utils.reports.page import Markup, paragraph

_WIDTH, _HEIGHT = 480, 170
_TOP, _BOTTOM = 18, 20
# The height of a chart of curves.
_SQUARE = 300
_MOST_BARS = 30
# As many as the style of a page has.
_COLOURS = 6

Points = Sequence[tuple[float, float]]


def bars(counts: Mapping[str, int]) -> Markup:
    """One horizontal bar for each name, as long as its count, in the order given."""
    if not counts:
        return paragraph("Nothing to count.")
    longest = max(counts.values()) or 1
    lines = [
        f'<span>{escape(name)}</span><span><span class="bar" '
        f'style="width:{75 * count / longest:.1f}%"></span>{count:,}</span>'
        for name, count in list(counts.items())[:_MOST_BARS]
    ]
    left_out = len(counts) - _MOST_BARS
    rest = paragraph(f"and {left_out} more") if left_out > 0 else ""
    return Markup(f'<div class="bars">{"".join(lines)}</div>{rest}')


def histogram(edges: Sequence[str], counts: Sequence[int]) -> Markup:
    """Columns side by side.

    Args:
        edges: What stands under the borders of the columns, one more than columns.
        counts: The height of each column, shown above it.
    """
    if not any(counts):
        return paragraph("Nothing to count.")
    step, room = _WIDTH / len(counts), _HEIGHT - _TOP - _BOTTOM
    base, highest = _HEIGHT - _BOTTOM, max(counts)
    parts = []
    for index, count in enumerate(counts):
        height = room * count / highest
        left, middle = index * step + 1, (index + 0.5) * step
        parts.append(
            f'<rect x="{left:.1f}" y="{base - height:.1f}" width="{step - 2:.1f}" '
            f'height="{height:.1f}" rx="2"><title>{escape(edges[index])} to '
            f"{escape(edges[index + 1])}: {count:,}</title></rect>"
        )
        if count:
            parts.append(f'<text x="{middle:.1f}" y="{base - height - 5:.1f}">{count:,}</text>')
    for index, edge in enumerate(edges):
        x = min(max(index * step, 8), _WIDTH - 8)
        parts.append(f'<text x="{x:.1f}" y="{_HEIGHT - 5}">{escape(edge)}</text>')
    axis = f'<line x1="0" x2="{_WIDTH}" y1="{base}" y2="{base}"/>'
    return Markup(
        f'<svg class="chart" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">{axis}'
        f"{''.join(parts)}</svg>"
    )


def curves(
    lines: Mapping[str, Points],
    horizontal: str,
    *,
    mark: float | None = None,
    right: float = 1.0,
    top: float = 1.0,
) -> Markup:
    """Lines over axes that begin at 0.

    Args:
        lines: For each name its points (x, y), by rising x.
        horizontal: What x is.
        mark: An x to draw a line at.
        right: The x at which the chart ends.
        top: The y at which it ends.
    """
    drawn = [_grid(right, top), _mark(mark, right)]
    for index, (name, points) in enumerate(lines.items()):
        path = " ".join(f"{_x(x / right):.1f},{_y(y / top):.1f}" for x, y in points)
        drawn.append(
            f'<polyline class="line{index % _COLOURS}" points="{path}">'
            f"<title>{escape(name)}</title></polyline>"
        )
    signs = "".join(
        f'<span class="key line{index % _COLOURS}"></span>{escape(name)}'
        for index, name in enumerate(lines)
    )
    return Markup(
        f'<p class="soft">{signs}</p><svg class="chart" viewBox="0 0 {_WIDTH} {_SQUARE}" '
        f'role="img">{"".join(drawn)}<text x="{_WIDTH / 2}" y="{_SQUARE - 4}">'
        f"{escape(horizontal)}</text></svg>"
    )


def _grid(right: float, top: float) -> str:
    """Lines at every fifth, with their values."""
    parts = []
    for step in range(6):
        share = step / 5
        parts.append(
            f'<line x1="{_x(0)}" x2="{_x(1)}" y1="{_y(share):.1f}" y2="{_y(share):.1f}"/>'
            f'<text x="14" y="{_y(share) + 4:.1f}">{_tick(share * top)}</text>'
            f'<text x="{_x(share):.1f}" y="{_y(0) + 16:.1f}">{_tick(share * right)}</text>'
        )
    return "".join(parts)


def _tick(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def _mark(value: float | None, right: float) -> str:
    if value is None:
        return ""
    x = f"{_x(value / right):.1f}"
    return (
        f'<line class="mark" x1="{x}" x2="{x}" y1="{_y(0)}" y2="{_y(1)}"/>'
        f'<text x="{x}" y="{_TOP - 6}">{value:.2f}</text>'
    )


def _x(share: float) -> float:
    return 34 + share * (_WIDTH - 50)


def _y(share: float) -> float:
    return _TOP + (1 - share) * (_SQUARE - _TOP - 40)
