"""Unusable shapes are told apart from usable ones, and some are mended."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from utils.shapes.cleaning import (
    CROSSED,
    MANY_POINTS,
    MOST_POINTS,
    NO_RECTANGLE,
    SIMPLIFIED_PIXELS,
    box_problem,
    cleaned,
)
from utils.shapes.outlines import are_rectangles, corners_of, oriented_boxes
from utils.shapes.shapes import ShapeKind, Shapes

NOT_A_NUMBER = "has a coordinate that is not a number"
INVERTED = "is inverted (its right or bottom lies before its left or top)"
NO_AREA = "has no area"
OUTSIDE = "lies outside the image"


def polygons(*points: list[tuple[float, float]]) -> Shapes:
    return Shapes.of_outlines([shapely.Polygon(one) for one in points], ["ship"] * len(points))


@pytest.mark.parametrize(
    ("box", "problem"),
    [
        pytest.param((0, 0, 10, 10), None, id="good"),
        pytest.param((-5, -5, 5, 5), None, id="over the edge"),
        pytest.param((-5, -5, 500, 500), None, id="larger than the image"),
        pytest.param((float("nan"), 0, 1, 1), NOT_A_NUMBER, id="NaN"),
        pytest.param((0, 0, float("inf"), 1), NOT_A_NUMBER, id="infinite"),
        pytest.param((10, 0, 5, 5), INVERTED, id="right before left"),
        pytest.param((0, 10, 5, 5), INVERTED, id="bottom before top"),
        pytest.param((5, 0, 5, 5), NO_AREA, id="no width"),
        pytest.param((0, 5, 5, 5), NO_AREA, id="no height"),
        pytest.param((-5, 0, 0, 5), OUTSIDE, id="left of the image"),
        pytest.param((100, 0, 105, 5), OUTSIDE, id="right of the image"),
        pytest.param((0, 80, 5, 85), OUTSIDE, id="below the image"),
        pytest.param((0, -5, 5, 0), OUTSIDE, id="above the image"),
        pytest.param((-5, 0, 1, 5), None, id="one column inside"),
        pytest.param((0, -5, 5, 1), None, id="one row inside"),
        pytest.param([[0, 0, 10, 10]], None, id="one row of an array"),
    ],
)
def test_problem_of_a_box_in_an_image_of_100_by_80(box, problem):
    assert box_problem(box, 100, 80) == problem


@pytest.mark.parametrize(
    ("points", "problem"),
    [
        pytest.param([(0, 0), (20, 20), (20, 0), (0, 20)], "crosses itself", id="a bow tie"),
        pytest.param([(0, 0), (9, 9), (0, 0)], "has fewer than three points", id="two points"),
        pytest.param([(0, 0), (5, 5), (9, 9), (2, 2)], "has no area", id="a line"),
        pytest.param([(0, 0), (5, float("inf")), (9, 2)], NOT_A_NUMBER, id="infinite corner"),
        pytest.param([(200, 0), (250, 0), (250, 9)], OUTSIDE, id="outside"),
        pytest.param(
            [(-50, 0), (0, -50), (1, -50), (0, 1), (-50, 1)], None, id="reaches over the corner"
        ),
    ],
)
def test_problem_of_an_outline(points, problem):
    found = cleaned(polygons(points, [(1, 1), (9, 1), (9, 9)]), 100, 80)
    assert [fault.problem for fault in found.unusable] == ([problem] if problem else [])
    assert found.kept == ([1] if problem else [0, 1])


def test_an_outline_that_hardly_crosses_itself_is_mended_and_counted():
    spike = [(0, 50), (0.2, 50.5), (0.2, 49.5), (0, 49)]
    found = cleaned(polygons([(0, 0), (50, 0), (50, 50), *spike]), 100, 80)
    assert found.mended == {CROSSED: 1}
    assert found.shapes.polygons[0].is_valid
    assert found.shapes.areas[0] == pytest.approx(2500, rel=0.01)


def test_an_outline_of_ten_thousand_points_is_simplified_by_less_than_a_pixel():
    turns = np.linspace(0, 2 * np.pi, 10_000, endpoint=False)
    circle = np.column_stack([50 + 30 * np.cos(turns), 40 + 30 * np.sin(turns)])
    shapes = polygons(circle.tolist())
    found = cleaned(shapes, 100, 80)
    assert found.mended == {MANY_POINTS: 1}
    assert shapely.get_num_coordinates(found.shapes.polygons[0]) < MOST_POINTS
    apart = shapely.hausdorff_distance(found.shapes.polygons[0], shapes.polygons[0])
    assert apart <= SIMPLIFIED_PIXELS


def test_a_quadrilateral_that_is_no_rectangle_becomes_the_least_one():
    bent = [shapely.Polygon([(10, 10), (60, 12), (50, 40), (12, 38)])]
    found = cleaned(Shapes.of_outlines(bent, ["ship"], kind=ShapeKind.OBB), 100, 80)
    assert found.mended == {NO_RECTANGLE: 1}
    assert are_rectangles(found.shapes.polygons).all()
    assert found.shapes.polygons[0].buffer(1e-6).contains(bent[0])


@given(st.floats(0, 360), st.booleans())
def test_an_oriented_box_keeps_its_corners_and_goes_clockwise(degrees, is_reversed):
    box = oriented_boxes([(50, 40)], [(30, 10)], [degrees])
    corners = corners_of(box)[0]
    given_corners = corners[[0, 3, 2, 1]] if is_reversed else corners
    shapes = Shapes.of_outlines([shapely.Polygon(given_corners)], ["ship"], kind=ShapeKind.OBB)
    found = cleaned(shapes, 100, 80)
    assert not found.mended
    np.testing.assert_allclose(corners_of(found.shapes.polygons)[0], corners)


def test_outlines_with_the_same_hull_are_not_doubles():
    found = cleaned(polygons([(0, 0), (9, 0), (9, 9)], [(0, 0), (9, 0), (0, 9), (0, 0)]), 100, 80)
    assert found.kept == [0, 1]


def test_a_shape_that_is_there_before_is_a_double():
    found = cleaned(polygons(*[[(0, 0), (9, 0), (9, 9)]] * 2), 100, 80)
    assert [fault.is_double for fault in found.unusable] == [True]
