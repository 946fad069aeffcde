"""Charts of monitoring: values over time, two distributions in one, and places as a heat map."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence

from markupsafe import Markup

from utils.monitoring.watched import Distribution
from utils.reports.page import joined, paragraph

_WIDTH, _HEIGHT = 480, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 10, 12, 26
_COLOURS = 6
_TICKS = 4
_DAY = 86_400.0

Series = Sequence[float | None]


def timeline(
    lines: Mapping[str, Series], starts: Sequence[float], limits: Mapping[str, float] | None = None
) -> Markup:
    """Lines over time; a stretch without a value leaves a gap.

    Args:
        lines: A value for each stretch of time, by name.
        starts: Begin of each stretch, in seconds since 1970.
        limits: Values at which a dashed line is drawn, by name.
    """
    limits = limits or {}
    known = [value for series in lines.values() for value in series if value is not None]
    if not known:
        return paragraph("Nothing was noted.")
    top = max([*known, *limits.values()]) or 1.0
    drawn = joined(
        part
        for index, (name, series) in enumerate(lines.items())
        for part in _line(index % _COLOURS, name, series, top)
    )
    sign = Markup('<span class="key line{}"></span>{}')
    names = joined(sign.format(index % _COLOURS, name) for index, name in enumerate(lines))
    dashes = joined(Markup('<span class="key dashed"></span>{}').format(name) for name in limits)
    return Markup(
        '<p class="soft keys">{names}{dashes}</p>'
        '<svg class="chart" viewBox="0 0 {width} {height}" role="img">{grid}{marks}{drawn}</svg>'
    ).format(
        names=names,
        dashes=dashes,
        width=_WIDTH,
        height=_HEIGHT,
        grid=joined([*_levels(top), *_dates(starts)]),
        marks=joined(_limit(value / top) for value in limits.values()),
        drawn=drawn,
    )


def _line(colour: int, name: str, series: Series, top: float) -> Iterator[Markup]:
    """Yield the pieces of a line between its gaps; a value alone is a dot."""
    line = Markup('<polyline class="line{}" points="{}"><title>{}</title></polyline>')
    dot = Markup('<circle class="line{}" cx="{:.1f}" cy="{:.1f}" r="2"><title>{}</title></circle>')
    piece: list[tuple[float, float]] = []
    for index, value in enumerate([*series, None]):
        if value is not None:
            piece.append((_x((index + 0.5) / len(series)), _y(value / top)))
        elif len(piece) == 1:
            yield dot.format(colour, *piece[0], name)
            piece = []
        elif piece:
            yield line.format(colour, " ".join(f"{x:.1f},{y:.1f}" for x, y in piece), name)
            piece = []


def _levels(top: float) -> Iterator[Markup]:
    level = Markup(
        '<line x1="{}" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/>'
        '<text class="end" x="{}" y="{:.1f}">{}</text>'
    )
    for step in range(_TICKS + 1):
        y = _y(step / _TICKS)
        yield level.format(_x(0), _x(1), _LEFT - 6, y + 4, f"{top * step / _TICKS:.3g}", y=y)


def _dates(starts: Sequence[float]) -> Iterator[Markup]:
    if len(starts) < 2:
        return
    is_long = starts[-1] - starts[0] > 2 * _DAY
    for share in (0.0, 0.5, 1.0):
        moment = time.gmtime(starts[0] + share * (starts[-1] - starts[0]))
        shown = time.strftime("%d %b" if is_long else "%d %b %H:%M", moment)
        anchor = ("start", "middle", "end")[round(2 * share)]
        yield Markup('<text style="text-anchor: {}" x="{:.1f}" y="{}">{}</text>').format(
            anchor, _x(share), _HEIGHT - 8, shown
        )


def _limit(share: float) -> Markup:
    return Markup('<line class="mark" x1="{}" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/>').format(
        _x(0), _x(1), y=_y(share)
    )


def distribution(values: Distribution) -> Markup:
    """Columns of the values now, and the reference as a line of steps over them."""
    highest = max([*values.current, *values.reference]) or 1.0
    count = len(values.current)
    column = Markup(
        '<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}">'
        "<title>{} to {}: {:.1%}, reference {:.1%}</title></rect>"
    )
    edges = [f"{edge:.3g}" for edge in values.edges]
    step = (_x(1) - _x(0)) / count
    columns = joined(
        column.format(
            *(_x(index / count) + 1, _y(share / highest)),
            *(max(step - 2, 1.0), _y(0) - _y(share / highest)),
            *(edges[index], edges[index + 1], share, usual),
        )
        for index, (share, usual) in enumerate(zip(values.current, values.reference, strict=True))
    )
    points = [
        (_x((index + side) / count), _y(share / highest))
        for index, share in enumerate(values.reference)
        for side in (0, 1)
    ]
    steps = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    label = Markup('<text style="text-anchor: {}" x="{:.1f}" y="{}">{}</text>')
    shown = {0: "start", count // 2: "middle", count: "end"}
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {}" role="img">{}<polyline class="line1" points="{}">'
        "<title>reference</title></polyline>{}</svg>"
    ).format(
        _WIDTH,
        _HEIGHT,
        columns,
        steps,
        joined(
            label.format(anchor, _x(index / count), _HEIGHT - 8, edges[index])
            for index, anchor in shown.items()
        ),
    )


def heat_map(shares: Sequence[Sequence[float]], caption: str, highest: float) -> Markup:
    """A grid of shares, darker where there are more.

    Args:
        shares: Rows from the top.
        caption: Text below the grid.
        highest: Share of the darkest cell.
    """
    cell = Markup('<i style="--share:{:.0f}%" title="{:.1%}"></i>')
    cells = joined(
        cell.format(100 * share / highest if highest else 0, share)
        for row in shares
        for share in row
    )
    columns = len(shares[0]) if shares else 1
    return Markup(
        '<figure class="heatmap"><div style="--columns:{}">{}</div>'
        "<figcaption>{}</figcaption></figure>"
    ).format(columns, cells, caption)


def legend_of_distributions() -> Markup:
    """The meaning of columns and lines."""
    return Markup(
        '<p class="soft keys"><span class="key filled"></span>now'
        '<span class="key line1"></span>test split</p>'
    )


def _x(share: float) -> float:
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _y(share: float) -> float:
    return _TOP + (1 - share) * (_HEIGHT - _TOP - _BOTTOM)
