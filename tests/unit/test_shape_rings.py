"""Polygons with holes become rings, and come back with every hole."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.outlines import polygons
from utils.shapes.outlines import as_outlines
from utils.shapes.rings import outline_of_ring, rings_of_parts, single_ring

SQUARE = [(0, 0), (10, 0), (10, 10), (0, 10)]
HOLE = [(4, 4), (4, 6), (6, 6), (6, 4)]


@given(polygons())
def test_a_polygon_with_holes_is_one_ring_and_comes_back(polygon: shapely.Polygon) -> None:
    ring = single_ring(polygon)
    back = outline_of_ring(ring)
    assert back.is_valid
    assert len(back.interiors) == len(polygon.interiors)
    assert back.symmetric_difference(polygon).area <= 1e-6 * polygon.area
    assert shapely.hausdorff_distance(back, polygon) < 1e-6
    # Whoever fills the ring by its winding, as a canvas does, leaves the holes empty.
    x, y = ring.T
    doubled = (x * np.roll(y, -1) - np.roll(x, -1) * y).sum()
    assert abs(doubled) / 2 == pytest.approx(polygon.area)


def test_a_ring_without_holes_is_left_as_it_is() -> None:
    np.testing.assert_array_equal(single_ring(shapely.Polygon(SQUARE)), SQUARE)


def test_each_part_is_a_ring() -> None:
    parts = [shapely.Polygon(SQUARE, [HOLE]), shapely.box(20, 20, 30, 30)]
    outlines = as_outlines([parts[1], shapely.MultiPolygon(parts), parts[0]])
    assert [[len(ring) for ring in rings] for rings in rings_of_parts(outlines)] == [
        [4],
        [11, 4],
        [11],
    ]
    assert rings_of_parts(as_outlines([])) == []


def test_an_island_in_a_hole_that_it_touches_comes_back() -> None:
    outer = [(0, 0), (10, 0), (10, 10), (0, 10)]
    ring = [*outer, (0, 0), (2, 1), (9, 2), (8, 8), (1, 9)]
    back = outline_of_ring(ring)
    assert back.is_valid
    assert back.area == pytest.approx(100 - shapely.Polygon([(0, 0), *ring[5:]]).area)


@pytest.mark.parametrize(
    "points",
    [
        pytest.param([(1, 1), (2, 2)], id="two points"),
        pytest.param([(1, 1), (2, 2), (1, 1), (2, 2)], id="two points twice"),
        pytest.param([(1, 1)] * 5, id="one point five times"),
        pytest.param(np.zeros((0, 2)), id="no point"),
    ],
)
def test_fewer_than_three_points_are_no_polygon(points: list[tuple[float, float]]) -> None:
    with pytest.raises(ValueError, match="fewer than three points"):
        outline_of_ring(points)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=12))
def test_a_ring_that_meets_itself_anywhere_is_read_or_refused(
    points: list[tuple[int, int]],
) -> None:
    try:
        outline = outline_of_ring(points)
    except ValueError:
        return
    assert outline.geom_type in ("Polygon", "MultiPolygon")
