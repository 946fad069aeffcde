"""Small charts without a library: bars by name, and histograms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from utils.reports.page import Markup, paragraph

_WIDTH, _HEIGHT = 480, 170
_TOP, _BOTTOM = 18, 20
_MOST_BARS = 30


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
