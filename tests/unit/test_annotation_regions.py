"""What people drew in Label Studio becomes boxes, or is reported."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.annotation.regions import boxes_of, upright_hull
from utils.geometry import box_areas

sides = st.floats(1, 500)
places = st.floats(-500, 500)


def region(kind: str = "rectanglelabels", region_id: str = "r", **value: Any) -> dict[str, Any]:
    rectangle = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0}
    return {"id": region_id, "type": kind, "value": rectangle | value}


def read(*result: dict[str, Any]) -> tuple[list[tuple[float, ...]], tuple[str, ...], list[str]]:
    found, problems = boxes_of(result, 200, 100, ["ship", "buoy"])
    rows = [tuple(float(round(value, 6)) for value in row) for row in found.xyxy]
    return rows, found.labels, [kind for kind, _ in problems]


def test_percent_of_the_image_become_pixels() -> None:
    assert read(region(rectanglelabels=["ship"])) == ([(20, 20, 80, 60)], ("ship",), [])


def test_coordinates_stay_those_of_the_upright_image_when_somebody_turned_the_view() -> None:
    # Seen in Label Studio 1.23.2: a box drawn on a view turned by 90 degrees is stored in
    # coordinates of the unturned image, and `image_rotation` only remembers the view.
    turned = region(rectanglelabels=["ship"]) | {"image_rotation": 90}
    assert read(turned) == read(region(rectanglelabels=["ship"]))


@pytest.mark.parametrize(
    ("value", "labels", "kinds"),
    [
        pytest.param({}, (), ["box without label"], id="label missing"),
        pytest.param({"rectanglelabels": []}, (), ["box without label"], id="label removed"),
        pytest.param({"rectanglelabels": ["whale"]}, (), ["unknown label"], id="unknown"),
        pytest.param(
            {"rectanglelabels": ["buoy", "ship"]}, ("buoy",), ["several labels"], id="two labels"
        ),
        pytest.param(
            {"rectanglelabels": ["ship"], "x": 80},
            ("ship",),
            ["box beyond the tile"],
            id="over the edge",
        ),
        pytest.param(
            {"rectanglelabels": ["ship"], "x": 70.2},
            ("ship",),
            [],
            id="over the edge by less than a pixel",
        ),
        pytest.param({"rectanglelabels": ["ship"], "x": 100}, (), ["unusable box"], id="outside"),
        pytest.param(
            {"rectanglelabels": ["ship"], "width": 0}, (), ["unusable box"], id="without area"
        ),
        pytest.param(
            {"rectanglelabels": ["ship"], "width": None}, (), ["unusable box"], id="no number"
        ),
    ],
)
def test_what_cannot_be_used_is_reported(
    value: dict[str, Any], labels: tuple[str, ...], kinds: list[str]
) -> None:
    _, found, problems = read(region(**value))
    assert found == labels
    assert problems == kinds


def test_a_region_in_two_entries_is_one_box() -> None:
    both = [region("rectangle"), region("labels", labels=["buoy"])]
    assert read(*both) == ([(20, 20, 80, 60)], ("buoy",), [])


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(
            {"id": "p", "type": "polygonlabels", "value": {"points": [[1, 1]]}}, id="polygon"
        ),
        pytest.param({"id": "c", "type": "choices", "value": {"choices": ["x"]}}, id="choice"),
        pytest.param({"type": "relation", "from_id": "a", "to_id": "b"}, id="relation"),
    ],
)
def test_other_kinds_of_region_do_not_disturb_the_boxes(other: dict[str, Any]) -> None:
    rows, labels, problems = read(other, region(rectanglelabels=["ship"]))
    assert len(rows) == 1
    assert labels == ("ship",)
    assert problems == ["not a rectangle"]


def test_a_rectangle_turned_by_a_right_angle_swaps_its_sides() -> None:
    np.testing.assert_allclose(upright_hull(100, 50, 30, 10, 90), (90, 50, 100, 80))


@given(places, places, sides, sides, st.floats(-720, 720))
def test_the_hull_of_a_turned_rectangle_is_the_smallest_around_it(
    x: float, y: float, width: float, height: float, degrees: float
) -> None:
    x1, y1, x2, y2 = upright_hull(x, y, width, height, degrees)
    turn = np.exp(1j * np.deg2rad(degrees))
    corners = complex(x, y) + turn * np.array([0, width, 1j * height, width + 1j * height])
    np.testing.assert_allclose((x1, x2), (corners.real.min(), corners.real.max()), atol=1e-6)
    np.testing.assert_allclose((y1, y2), (corners.imag.min(), corners.imag.max()), atol=1e-6)
    assert box_areas([(x1, y1, x2, y2)])[0] >= width * height * (1 - 1e-9)


@given(places, places, sides, sides)
def test_the_hull_of_an_upright_rectangle_is_itself(
    x: float, y: float, width: float, height: float
) -> None:
    np.testing.assert_allclose(
        upright_hull(x, y, width, height, 0), (x, y, x + width, y + height), atol=1e-9
    )
