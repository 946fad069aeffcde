"""Regions drawn in Label Studio become boxes, or are reported."""

from __future__ import annotations

import base64
import io
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from label_studio_sdk.converter.brush import mask2rle
from PIL import Image

from utils.annotation.label_studio.regions import ALL_LOST, DrawnShapes, shapes_of
from utils.geometry import box_areas
from utils.labels.label_studio_shapes import hull_of
from utils.shapes.shapes import ShapeKind

sides = st.floats(1, 500)
places = st.floats(-500, 500)


def region(kind: str = "rectanglelabels", region_id: str = "r", **value: Any) -> dict[str, Any]:
    rectangle = {"x": 10, "y": 20, "width": 30, "height": 40, "rotation": 0}
    return {"id": region_id, "type": kind, "value": rectangle | value}


def boxes_of(
    result: list[dict[str, Any]], width: int, height: int, class_names: list[str]
) -> DrawnShapes:
    return shapes_of(result, width, height, class_names, ShapeKind.DETECT)


def read(*result: dict[str, Any]) -> tuple[list[tuple[float, ...]], tuple[str, ...], list[str]]:
    found = boxes_of(result, 200, 100, ["ship", "buoy"])
    rows = [tuple(float(round(value, 6)) for value in row) for row in found.shapes.xyxy]
    return rows, found.shapes.labels, [problem.kind for problem in found.problems]


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
        pytest.param({}, (), ["region without label"], id="label missing"),
        pytest.param({"rectanglelabels": []}, (), ["region without label"], id="label removed"),
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
        pytest.param({"id": "c", "type": "choices", "value": {"choices": ["x"]}}, id="choice"),
        pytest.param({"type": "relation", "from_id": "a", "to_id": "b"}, id="relation"),
        pytest.param(
            {"id": "k", "type": "keypointlabels", "value": {"x": 9, "y": 9, "width": 1}}, id="point"
        ),
    ],
)
def test_what_marks_no_box_is_told_and_is_no_loss(other: dict[str, Any]) -> None:
    found = boxes_of([other, region(rectanglelabels=["ship"])], 200, 100, ["ship"])
    assert found.shapes.labels == ("ship",)
    assert [(problem.kind, problem.is_loss) for problem in found.problems] == [
        ("not a shape", False)
    ]
    assert boxes_of([other], 200, 100, ["ship"]).refusal is None


def shape(kind: str, **value: Any) -> dict[str, Any]:
    drawn_on = {"original_width": 200, "original_height": 100}
    return {"id": "s", "type": kind, "value": value | {kind: ["ship"]}} | drawn_on


def painted() -> np.ndarray[Any, Any]:
    mask = np.zeros((100, 200), np.uint8)
    mask[30:50, 20:60] = 255
    return mask


def png(mask: np.ndarray[Any, Any]) -> str:
    alpha = np.zeros((*mask.shape, 4), np.uint8)
    alpha[..., 3] = mask
    stream = io.BytesIO()
    Image.fromarray(alpha).save(stream, "PNG")
    return "data:image/png;base64," + base64.b64encode(stream.getvalue()).decode()


@pytest.mark.parametrize(
    "drawn",
    [
        pytest.param(
            shape("polygonlabels", points=[[10, 30], [30, 32], [28, 50], [12, 44]]), id="polygon"
        ),
        pytest.param(
            shape("ellipselabels", x=20, y=40, radiusX=10, radiusY=10, rotation=0), id="ellipse"
        ),
        pytest.param(
            shape("ellipselabels", x=20, y=40, radiusX=5, radiusY=20, rotation=90),
            id="turned ellipse",
        ),
        pytest.param(
            shape("vectorlabels", vertices=[{"x": 10, "y": 30}, {"x": 30, "y": 50}]), id="path"
        ),
        pytest.param(shape("brushlabels", format="rle", rle=mask2rle(painted())), id="brush"),
        pytest.param(shape("bitmasklabels", imageDataURL=png(painted())), id="bit mask"),
    ],
)
def test_any_shape_becomes_its_enclosing_box_and_that_is_told(drawn: dict[str, Any]) -> None:
    assert read(drawn) == ([(20, 30, 60, 50)], ("ship",), ["shape became a box"])


def test_a_mask_of_another_size_than_the_tile_is_scaled() -> None:
    drawn = shape("brushlabels", format="rle", rle=mask2rle(painted()))
    found = boxes_of([drawn], 400, 200, ["ship"])
    np.testing.assert_allclose(found.shapes.xyxy, [(40, 60, 120, 100)])


@pytest.mark.parametrize(
    "drawn",
    [
        pytest.param(shape("polygonlabels", points=[]), id="a polygon without points"),
        pytest.param(shape("polygonlabels", points=[["a", 1]]), id="a point that is no number"),
        pytest.param(shape("brushlabels", format="rle", rle=[255] * 9), id="a mask too large"),
        pytest.param(shape("brushlabels", format="rle", rle=[]), id="a mask of nothing"),
        pytest.param(
            shape("brushlabels", format="rle", rle=mask2rle(0 * painted())), id="nothing painted"
        ),
        pytest.param(
            shape("bitmasklabels", imageDataURL="https://elsewhere/x.png"), id="a mask elsewhere"
        ),
        pytest.param(
            shape("bitmasklabels", imageDataURL="data:image/png;base64,AAAA"), id="no picture"
        ),
        pytest.param(shape("spherelabels", radius=3), id="a shape of a later version"),
        pytest.param(region(rectanglelabels=["whale"]), id="an unknown class"),
    ],
)
def test_a_tile_of_which_every_region_is_lost_is_known(drawn: dict[str, Any]) -> None:
    found = boxes_of([drawn], 200, 100, ["ship"])
    assert found.refusal is not None
    assert found.refusal[0] == ALL_LOST
    assert [problem.is_loss for problem in found.problems] == [True]


def test_a_turned_rectangle_is_told() -> None:
    assert read(region(rectanglelabels=["ship"], rotation=30))[2] == ["turned box made upright"]
    assert read(region(rectanglelabels=["ship"], rotation=90, x=40))[2] == []


def turned_hull(x: float, y: float, width: float, height: float, degrees: float) -> Any:
    """The hull of a rectangle in a tile of 100 pixels, where percent are pixels."""
    value = {"x": x, "y": y, "width": width, "height": height, "rotation": degrees}
    return hull_of(value, 100, 100, (100, 100))


def test_a_rectangle_turned_by_a_right_angle_swaps_its_sides() -> None:
    np.testing.assert_allclose(turned_hull(100, 50, 30, 10, 90), (90, 50, 100, 80))


@given(places, places, sides, sides, st.floats(-720, 720))
def test_the_hull_of_a_turned_rectangle_is_the_smallest_around_it(
    x: float, y: float, width: float, height: float, degrees: float
) -> None:
    x1, y1, x2, y2 = turned_hull(x, y, width, height, degrees)
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
        turned_hull(x, y, width, height, 0), (x, y, x + width, y + height), atol=1e-9
    )
