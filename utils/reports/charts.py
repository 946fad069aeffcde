"""Small charts without a library: bars by name, histograms, and curves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup

from utils.reports.page import NOTHING, joined, paragraph

_WIDTH, _HEIGHT = 480, 170
_TOP, _BOTTOM = 18, 20
# Height of a chart of curves.
_SQUARE = 300
# Datasets with hundreds of classes would fill the page with bars.
_MOST_BARS = 30
# The number of line colours in the stylesheet of the pages.
_COLOURS = 6

Points = Sequence[tuple[float, float]]


def bars(counts: Mapping[str, int]) -> Markup:
    """Horizontal bars, one for each name, as long as its count, in the order given."""
    if not counts:
        return paragraph("Nothing to count.")
    longest = max(counts.values()) or 1
    line = Markup('<span>{}</span><span><span class="bar" style="width:{:.1f}%"></span>{:,}</span>')
    lines = joined(
        line.format(name, 75 * count / longest, count)
        for name, count in list(counts.items())[:_MOST_BARS]
    )
    left_out = len(counts) - _MOST_BARS
    rest = paragraph(f"and {left_out} more") if left_out > 0 else NOTHING
    return Markup('<div class="bars">{}</div>{}').format(lines, rest)


def histogram(edges: Sequence[str], counts: Sequence[int]) -> Markup:
    """Columns side by side.

    Args:
        edges: Texts under the borders of the columns, one more than columns.
        counts: Height of each column, shown above it.
    """
    if not any(counts):
        return paragraph("Nothing to count.")
    base = _HEIGHT - _BOTTOM
    return Markup(
        '<svg class="chart" viewBox="0 0 {width} {height}" role="img">'
        '<line x1="0" x2="{width}" y1="{base}" y2="{base}"/>{columns}{edges}</svg>'
    ).format(
        width=_WIDTH,
        height=_HEIGHT,
        base=base,
        columns=joined(_columns(edges, counts, base)),
        edges=joined(_edges(edges, _WIDTH / len(counts))),
    )


def _columns(edges: Sequence[str], counts: Sequence[int], base: int) -> Iterator[Markup]:
    step, room, highest = _WIDTH / len(counts), base - _TOP, max(counts)
    column = Markup(
        '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}" rx="2">'
        "<title>{} to {}: {:,}</title></rect>"
    )
    number = Markup('<text x="{:.1f}" y="{:.1f}">{:,}</text>')
    for index, count in enumerate(counts):
        height = room * count / highest
        place = index * step + 1, base - height, step - 2, height
        yield column.format(*place, edges[index], edges[index + 1], count)
        if count:
            yield number.format((index + 0.5) * step, base - height - 5, count)


def _edges(edges: Sequence[str], step: float) -> Iterator[Markup]:
    for index, edge in enumerate(edges):
        x = min(max(index * step, 8), _WIDTH - 8)
        yield Markup('<text x="{:.1f}" y="{}">{}</text>').format(x, _HEIGHT - 5, edge)


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
        lines: Points (x, y) of each named line, by rising x.
        horizontal: Name of the horizontal axis.
        mark: An x at which a vertical line is drawn.
        right: The x at which the chart ends.
        top: The y at which it ends.
    """
    line = Markup('<polyline class="line{}" points="{}"><title>{}</title></polyline>')
    drawn = joined(
        line.format(
            index % _COLOURS,
            " ".join(f"{_x(x / right):.1f},{_y(y / top):.1f}" for x, y in points),
            name,
        )
        for index, (name, points) in enumerate(lines.items())
    )
    sign = Markup('<span class="key line{}"></span>{}')
    return Markup(
        '<p class="soft">{signs}</p><svg class="chart" viewBox="0 0 {width} {height}" role="img">'
        '{grid}{mark}{drawn}<text x="{middle}" y="{bottom}">{horizontal}</text></svg>'
    ).format(
        signs=joined(sign.format(index % _COLOURS, name) for index, name in enumerate(lines)),
        width=_WIDTH,
        height=_SQUARE,
        grid=joined(_grid(right, top)),
        mark=_mark(mark, right),
        drawn=drawn,
        middle=_WIDTH / 2,
        bottom=_SQUARE - 4,
        horizontal=horizontal,
    )


def _grid(right: float, top: float) -> Iterator[Markup]:
    """Yield lines at every fifth, with their values."""
    for step in range(6):
        share = step / 5
        yield Markup(
            '<line x1="{}" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/>'
            '<text x="14" y="{:.1f}">{}</text><text x="{:.1f}" y="{:.1f}">{}</text>'
        ).format(
            _x(0),
            _x(1),
            _y(share) + 4,
            _tick(share * top),
            _x(share),
            _y(0) + 16,
            _tick(share * right),
            y=_y(share),
        )


def _tick(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:.0f}"


def _mark(value: float | None, right: float) -> Markup:
    if value is None:
        return NOTHING
    return Markup(
        '<line class="mark" x1="{x:.1f}" x2="{x:.1f}" y1="{}" y2="{}"/>'
        '<text x="{x:.1f}" y="{}">{:.2f}</text>'
    ).format(_y(0), _y(1), _TOP - 6, value, x=_x(value / right))


def _x(share: float) -> float:
    return 34 + share * (_WIDTH - 50)


def _y(share: float) -> float:
    return _TOP + (1 - share) * (_SQUARE - _TOP - 40)
