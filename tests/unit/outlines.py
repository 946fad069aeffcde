"""Outlines for property tests: stars with holes and parts, oriented boxes, sets of every kind."""

from __future__ import annotations

import numpy as np
import shapely
from hypothesis import strategies as st

from utils.geometry import FloatArray
from utils.shapes.outlines import oriented_boxes
from utils.shapes.shapes import ShapeKind, Shapes

WIDTH, HEIGHT = 640, 480


@st.composite
def polygons(
    draw: st.DrawFn, centre: tuple[float, float] = (320, 240), reach: float = 200
) -> shapely.Polygon:
    """A star around a centre, with up to three holes."""
    shell = _star(draw, centre, reach)
    holes = [
        _star(draw, (centre[0] + reach * x, centre[1] + reach * y), 0.1 * reach)
        for x, y in draw(
            st.lists(st.sampled_from([(0, 0.2), (0.2, -0.2), (-0.2, -0.2)]), unique=True)
        )
    ]
    return shapely.Polygon(shell, holes)


def _star(draw: st.DrawFn, centre: tuple[float, float], reach: float) -> FloatArray:
    """Points at any distance from 60 % to 100 % of the reach, in order of their angle."""
    count = draw(st.integers(5, 12))
    shares = draw(st.lists(st.floats(0.6, 1), min_size=count, max_size=count))
    angles = 2 * np.pi * np.arange(count) / count
    rays = np.column_stack([np.cos(angles), np.sin(angles)])
    return np.asarray(np.array(centre) + reach * np.array(shares)[:, None] * rays)


@st.composite
def outlines(draw: st.DrawFn) -> shapely.Geometry:
    """A polygon with holes, or one of two parts."""
    if draw(st.booleans()):
        return draw(polygons())
    halves = [draw(polygons((x, 240), 140)) for x in (160, 480)]
    return shapely.MultiPolygon(halves)


@st.composite
def shapes_of_kind(draw: st.DrawFn, kind: ShapeKind) -> Shapes:
    """Up to four shapes of a kind in a tile of 640 by 480 pixels; one class of an image."""
    label = st.sampled_from(["ship", "buoy"])
    if kind == ShapeKind.CLASSIFY:
        return Shapes.of_image(WIDTH, HEIGHT, draw(label))
    count = draw(st.integers(1, 4))
    labels = [draw(label) for _ in range(count)]
    if kind == ShapeKind.SEGMENT:
        return Shapes.of_outlines([draw(outlines()) for _ in labels], labels)
    centres = [(draw(st.floats(150, 490)), draw(st.floats(150, 330))) for _ in labels]
    sizes = [(draw(st.floats(1, 200)), draw(st.floats(1, 200))) for _ in labels]
    if kind == ShapeKind.OBB:
        degrees = [draw(st.floats(0, 359.9)) for _ in labels]
        found = oriented_boxes(centres, sizes, degrees)
        return Shapes.of_outlines(found, labels, kind=ShapeKind.OBB)
    half = np.array(sizes) / 2
    return Shapes(np.hstack([centres - half, centres + half]), tuple(labels))
