"""Shapes of every kind keep what they are through moves, cuts and tables."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from utils.geometry import Window
from utils.shapes.columns import from_columns, to_columns
from utils.shapes.outlines import (
    angles_of,
    corners_of,
    least_rectangles,
    oriented_boxes,
    shared_areas,
)
from utils.shapes.shapes import ShapeKind, Shapes

# Tenths of a pixel: places that differ by less than rounding are no shapes that anybody draws.
pixels = st.integers(0, 2000).map(lambda tenths: tenths / 10)
sides = st.integers(20, 600).map(lambda tenths: tenths / 10)
OUTLINED = (ShapeKind.OBB, ShapeKind.SEGMENT)


@st.composite
def oriented(draw: st.DrawFn) -> Shapes:
    count = draw(st.integers(1, 5))
    centres = [(draw(pixels), draw(pixels)) for _ in range(count)]
    sizes = [(draw(sides), draw(sides)) for _ in range(count)]
    angles = [draw(st.integers(0, 3599)) / 10 for _ in range(count)]
    outlines = oriented_boxes(centres, sizes, angles)
    return Shapes.of_outlines(outlines, ("ship",) * count, kind=ShapeKind.OBB)


@st.composite
def polygons(draw: st.DrawFn) -> Shapes:
    """Polygons of which some have a hole and some a second part."""
    outlines = []
    for _ in range(draw(st.integers(1, 4))):
        x, y, side = draw(pixels), draw(pixels), draw(sides)
        outline = shapely.Point(x, y).buffer(side / 2, quad_segs=draw(st.integers(1, 6)))
        if draw(st.booleans()):
            outline = outline.difference(outline.centroid.buffer(side / 6))
        if draw(st.booleans()):
            other = shapely.box(x + side, y, x + 1.5 * side, y + side)
            outline = shapely.MultiPolygon([outline, other])
        outlines.append(outline)
    return Shapes.of_outlines(outlines, ("leaf",) * len(outlines))


@st.composite
def boxes(draw: st.DrawFn) -> Shapes:
    rows = [(draw(pixels), draw(pixels), draw(sides), draw(sides)) for _ in range(3)]
    xyxy = np.array([(x, y, x + width, y + height) for x, y, width, height in rows])
    return Shapes(xyxy, ("ship", "buoy", "ship"))


classes = st.builds(Shapes.of_image, st.integers(1, 300), st.integers(1, 300), st.just("dress"))
any_kind = st.one_of(oriented(), polygons(), boxes(), classes)
with_outlines = st.one_of(oriented(), polygons())
windows = st.builds(
    Window,
    x=st.integers(0, 200),
    y=st.integers(0, 200),
    width=st.integers(1, 150),
    height=st.integers(1, 150),
)


@given(any_kind, st.booleans())
def test_a_row_of_a_table_gives_the_same_shapes_back(shapes, scored):
    if scored:
        shapes = Shapes(
            shapes.xyxy, shapes.labels, np.linspace(0.1, 0.9, len(shapes)), shapes.outlines,
            shapes.kind,
        )  # fmt: skip
    assert from_columns(to_columns(shapes, "p_", scored=scored), "p_", scored=scored) == shapes


@given(boxes())
def test_a_row_from_before_there_were_outlines_holds_boxes(shapes):
    row = {"boxes": shapes.xyxy.tolist(), "labels": list(shapes.labels)}
    assert from_columns(row) == shapes


@given(any_kind, st.integers(-500, 500), st.integers(-500, 500))
def test_a_shift_and_its_opposite_cancel(shapes, dx, dy):
    back = shapes.shifted(dx, dy).shifted(-dx, -dy)
    assert back.xyxy == pytest.approx(shapes.xyxy, abs=1e-9)
    assert back.areas == pytest.approx(shapes.areas, rel=1e-6)


@given(any_kind)
def test_mirrored_twice_is_as_before(shapes):
    twice = shapes.mirrored(200).mirrored(200)
    assert twice.xyxy == pytest.approx(shapes.xyxy, abs=1e-9)
    if shapes.kind == ShapeKind.OBB:
        assert corners_of(twice.outlines) == pytest.approx(corners_of(shapes.outlines), abs=1e-9)


@given(oriented())
def test_a_mirror_turns_the_heading_to_the_other_side(shapes):
    angles = angles_of(corners_of(shapes.outlines))
    turned = angles_of(corners_of(shapes.mirrored(200).outlines))
    away = (turned - (180 - angles) + 180) % 360 - 180
    assert away == pytest.approx(np.zeros(len(shapes)), abs=1e-6)


@settings(max_examples=60)
@given(with_outlines, windows)
def test_areas_in_a_window_are_those_of_shapely(shapes, window):
    expected = [one.intersection(shapely.box(*window.xyxy)).area for one in shapes.outlines]
    assert shapes.areas_inside(window.xyxy) == pytest.approx(expected, abs=1e-6)
    assert shapes.visible_shares(window) == pytest.approx(expected / shapes.areas, abs=1e-6)


@settings(max_examples=60)
@given(polygons(), windows)
def test_cut_polygons_lie_in_the_window(shapes, window):
    x1, y1, x2, y2 = window.xyxy
    cut = shapes.clipped(window.xyxy)
    seen = cut.areas > 0
    assert (cut.xyxy[seen] >= [x1 - 1e-9, y1 - 1e-9] * 2).all()
    assert (cut.xyxy[seen] <= [x2 + 1e-9, y2 + 1e-9] * 2).all()
    assert cut.areas == pytest.approx(shapes.areas_inside(window.xyxy), abs=1e-6)


@settings(max_examples=60)
@given(oriented(), windows)
def test_a_cut_oriented_box_is_the_least_rectangle_of_what_is_left(shapes, window):
    cut = shapes.clipped(window.xyxy)
    visible = shapes.areas_inside(window.xyxy)
    # The least rectangle around a triangle has twice its area.
    assert (cut.areas >= visible - 1e-6).all()
    assert (cut.areas <= 2 * visible + 1e-6).all()
    before, after = (angles_of(corners_of(one.outlines)) for one in (shapes, cut))
    turned = np.abs((after - before + 180) % 360 - 180)
    assert (turned[visible > 1] <= 45 + 1e-6).all()


@settings(max_examples=60)
@given(with_outlines)
def test_a_shape_overlaps_itself_wholly_and_others_alike_both_ways(shapes):
    overlaps = shapes.overlaps(shapes)
    assert np.diag(overlaps) == pytest.approx(np.ones(len(shapes)), abs=1e-9)
    assert overlaps == pytest.approx(overlaps.T, abs=1e-9)


@given(polygons())
def test_a_lesser_kind_holds_the_whole_shape(shapes):
    rectangles = shapes.brought_to(ShapeKind.OBB)
    assert np.diag(rectangles.intersections(shapes)) == pytest.approx(shapes.areas, rel=1e-6)
    hulls = rectangles.brought_to(ShapeKind.DETECT)
    assert (hulls.areas >= rectangles.areas - 1e-6).all()
    assert hulls.outlines is None


@pytest.mark.parametrize("kind", [ShapeKind.OBB, ShapeKind.SEGMENT, ShapeKind.CLASSIFY])
def test_a_box_becomes_no_greater_kind(kind):
    box = Shapes(np.array([[0.0, 0, 9, 9]]), ("ship",))
    with pytest.raises(ValueError, match="boxes cannot become"):
        box.brought_to(kind)


def test_sets_of_several_kinds_are_not_mixed():
    box, image = Shapes(np.array([[0.0, 0, 9, 9]]), ("ship",)), Shapes.of_image(9, 9, "ship")
    with pytest.raises(ValueError, match="several kinds"):
        Shapes.concatenated([box, image])


@given(oriented())
def test_an_oriented_box_is_its_own_least_rectangle(shapes):
    again = least_rectangles(shapes.outlines, like=shapes.outlines)
    shared = shared_areas(shapes.outlines, again)
    assert shared == pytest.approx(shapes.areas, rel=1e-5)


def test_shapes_that_differ_by_rounding_overlap_wholly():
    # GEOS' plain intersection of these two is empty.
    ship = oriented_boxes([(29, 2)], [(55, 49)], [174])
    again = least_rectangles(ship, like=ship)
    assert shared_areas(ship, again) == pytest.approx([55 * 49], rel=1e-5)
