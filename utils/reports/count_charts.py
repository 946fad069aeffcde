"""Charts of counts: intervals side by side, and the course of an interval over the reviews."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from markupsafe import Markup

from utils.counting.intervals import Interval
from utils.reports.page import NOTHING, joined, paragraph

_WIDTH, _HEIGHT = 640, 220
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 12, 14, 30
_STEPS = (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 5, 6, 8, 10)
Scale = Callable[[float], float]


def whisker(estimate: float, low: float | None, high: float | None, most: float) -> Markup:
    """An estimate as a dot, with its interval as a line, on a scale from 0 to `most`."""

    def x(value: float) -> float:
        return 4 + 152 * min(value / most, 1) if most > 0 else 4

    line = NOTHING
    if low is not None and high is not None:
        line = Markup('<line x1="{:.1f}" x2="{:.1f}" y1="8" y2="8"/>').format(x(low), x(high))
    kind = "whisker" if line else "whisker unsure"
    return Markup(
        '<svg class="{}" viewBox="0 0 160 16" role="img">{}'
        '<circle cx="{:.1f}" cy="8" r="3.2"/></svg>'
    ).format(kind, line, x(estimate))


def course(intervals: Sequence[Interval], predicted: float) -> Markup:
    """The estimate and its interval after each review, and the predicted number.

    Args:
        intervals: Intervals after 1, 2, ... reviewed draws.
        predicted: Number of objects that the detector predicted.
    """
    known = [(n, one) for n, one in enumerate(intervals, 1) if one.high is not None]
    if not known:
        return paragraph("No interval yet: too few tiles are reviewed.")
    highs = sorted(one.high for _, one in known if one.high is not None)
    # The first intervals may be many times wider than the rest, and would press it flat.
    usual = highs[len(highs) // 2]
    top = _round_up(max(min(highs[-1], 2 * usual), predicted, 1.0) * 1.05)
    last, (newest, now) = len(intervals), known[-1]

    def x(draw: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * draw / last

    def y(value: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - min(max(value / top, 0), 1))

    upper = [f"{x(n):.1f},{y(one.high or 0):.1f}" for n, one in known]
    lower = [f"{x(n):.1f},{y(one.low or 0):.1f}" for n, one in reversed(known)]
    line = [f"{x(n):.1f},{y(one.estimate):.1f}" for n, one in known]
    return Markup(
        '<p class="soft"><span class="key line0"></span>estimate with interval'
        '<span class="key line1"></span>predicted</p>'
        '<svg class="chart course" viewBox="0 0 {width} {height}" role="img">{grid}'
        '<polygon points="{band}"/><polyline class="line1" points="{left:.1f},{predicted:.1f} '
        '{right:.1f},{predicted:.1f}"/><polyline class="line0" points="{line}"/>'
        '<line class="last" x1="{end:.1f}" x2="{end:.1f}" y1="{high:.1f}" y2="{low:.1f}"/>'
        '<circle class="last" cx="{end:.1f}" cy="{now:.1f}" r="3.2"/>'
        '<text x="{middle:.1f}" y="{bottom}">reviewed tiles</text></svg>'
    ).format(
        width=_WIDTH,
        height=_HEIGHT,
        grid=joined(_grid(top, last, x, y)),
        band=" ".join([*upper, *lower]),
        left=x(0),
        right=x(last),
        predicted=y(predicted),
        line=" ".join(line),
        end=x(newest),
        high=y(now.high or 0),
        low=y(now.low or 0),
        now=y(now.estimate),
        middle=x(last / 2),
        bottom=_HEIGHT - 2,
    )


def _grid(top: float, last: int, x: Scale, y: Scale) -> Iterator[Markup]:
    """Yield lines with their values, and numbers of draws."""
    for step in range(5):
        value = top * step / 4
        height = y(value)
        yield Markup(
            '<line x1="{}" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/>'
            '<text class="end" x="{}" y="{:.1f}">{}</text>'
        ).format(_LEFT, _WIDTH - _RIGHT, _LEFT - 6, height + 4, _tick(value), y=height)
    for step in range(6):
        draw = round(last * step / 5)
        yield Markup('<text x="{:.1f}" y="{}">{:,}</text>').format(
            x(draw), _HEIGHT - _BOTTOM + 14, draw
        )


def _tick(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def _round_up(value: float) -> float:
    """The next number whose quarters are round."""
    power = 1.0
    while power * 10 < value:
        power *= 10
    return next(power * step for step in _STEPS if power * step >= value)
