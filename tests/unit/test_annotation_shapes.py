"""Shapes of every kind to Label Studio's results and back, and what people draw besides."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from label_studio_sdk.converter.brush import mask2rle

from tests.unit.outlines import HEIGHT, WIDTH, shapes_of_kind
from tests.unit.test_annotation_tasks import sent, tile_with
from utils.annotation.label_studio.proposals import Proposals
from utils.annotation.label_studio.regions import ALL_LOST, NO_CLASS, DrawnShapes, shapes_of
from utils.annotation.label_studio.tasks import prediction_of, task_of, uid_of
from utils.annotation.preannotations import Preannotation
from utils.annotation.project import Project
from utils.dataset.review import ReviewState
from utils.geometry import FloatArray
from utils.shapes.outlines import angles_of, corners_of, oriented_boxes
from utils.shapes.shapes import ShapeKind, Shapes

CLASSES = ["ship", "buoy"]
DETECT, OBB, SEGMENT, CLASSIFY = ShapeKind
PIXELS = 0.01


def read(result: Any, kind: ShapeKind, width: int = WIDTH, height: int = HEIGHT) -> DrawnShapes:
    return shapes_of(json.loads(json.dumps(result)), width, height, CLASSES, kind)


def round_trip(shapes: Shapes) -> DrawnShapes:
    return read(sent(tile_with(shapes))["annotations"][0]["result"], shapes.kind)


def drawn(kind: str, region_id: str = "r", label: str = "ship", **value: Any) -> dict[str, Any]:
    size = {"original_width": WIDTH, "original_height": HEIGHT}
    return {"id": region_id, "type": kind, "value": value | {kind: [label]}} | size


def rectangle(rotation: float = 0, **value: Any) -> dict[str, Any]:
    place = {"x": 25, "y": 25, "width": 25, "height": 25} | value
    return drawn("rectanglelabels", rotation=rotation, **place)


def polygon(*points: tuple[float, float], **more: Any) -> dict[str, Any]:
    return drawn("polygonlabels", points=points, closed=True, **more)


TRIANGLE = polygon((10, 10), (50, 10), (10, 50))


@pytest.mark.parametrize("kind", ShapeKind)
@given(data=st.data())
def test_every_kind_comes_back_as_it_was_sent(kind: ShapeKind, data: st.DataObject) -> None:
    shapes = data.draw(shapes_of_kind(kind))
    back = round_trip(shapes)
    assert back.problems == []
    assert back.refusal is None
    assert (back.shapes.kind, back.shapes.labels) == (kind, shapes.labels)
    np.testing.assert_allclose(back.shapes.xyxy, shapes.xyxy, atol=PIXELS)
    np.testing.assert_allclose(back.shapes.areas, shapes.areas, rtol=1e-6, atol=PIXELS)
    assert (shapely.hausdorff_distance(back.shapes.polygons, shapes.polygons) < PIXELS).all()
    assert [len(shapely.get_parts(one)) for one in back.shapes.polygons] == [
        len(shapely.get_parts(one)) for one in shapes.polygons
    ]


@given(shapes_of_kind(OBB))
def test_an_oriented_box_keeps_its_heading(shapes: Shapes) -> None:
    back = round_trip(shapes).shapes
    assert back.outlines is not None
    assert shapes.outlines is not None
    np.testing.assert_allclose(corners_of(back.outlines), corners_of(shapes.outlines), atol=PIXELS)


@pytest.mark.parametrize("kind", ShapeKind)
@given(data=st.data())
def test_the_fingerprints_of_a_task_and_a_prediction_differ_where_a_shape_does(
    kind: ShapeKind, data: st.DataObject
) -> None:
    one, other = (data.draw(shapes_of_kind(kind)) for _ in range(2))
    assert (uid_of(tile_with(one)) == uid_of(tile_with(other))) == (one == other)
    ids = [
        [region["id"] for region in prediction_of(tile_with(None), found)["result"]]
        for found in (Preannotation(shapes, "1", 0.5) for shapes in (one, other))
    ]
    assert (ids[0] == ids[1]) == (one == other)


@pytest.mark.parametrize("kind", ShapeKind)
@given(data=st.data())
def test_every_region_of_a_prediction_has_the_score_of_its_shape(
    kind: ShapeKind, data: st.DataObject
) -> None:
    shapes = data.draw(shapes_of_kind(kind))
    scores: FloatArray = np.linspace(0.9, 0.5, len(shapes), dtype=np.float64)
    found = Preannotation(replace(shapes, scores=scores), "1", 0.5)
    result = prediction_of(tile_with(None), found)["result"]
    assert sorted({region["score"] for region in result}, reverse=True) == scores.tolist()


def test_an_upright_rectangle_in_label_studio_is_turned_clockwise_about_its_corner() -> None:
    # 25 % of 640 and of 480 pixels, turned by a right angle: computed in pixels.
    (corners,) = corners_of(read([rectangle(90)], OBB).shapes.polygons)
    np.testing.assert_allclose(corners, [(160, 120), (160, 280), (40, 280), (40, 120)], atol=1e-9)


def test_an_unturned_rectangle_is_a_fine_oriented_box() -> None:
    back = read([rectangle()], OBB)
    assert back.problems == []
    assert back.shapes.outlines is not None
    np.testing.assert_allclose(angles_of(corners_of(back.shapes.outlines)), [0])
    np.testing.assert_allclose(back.shapes.xyxy, [(160, 120, 320, 240)])


def painted(*boxes: tuple[int, int, int, int]) -> dict[str, Any]:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    for x1, y1, x2, y2 in boxes:
        mask[y1:y2, x1:x2] = 255 - mask[y1:y2, x1:x2]
    return drawn("brushlabels", format="rle", rle=mask2rle(mask))


def test_what_is_painted_has_the_outline_of_its_pixels_with_holes_and_parts() -> None:
    brush = painted((100, 100, 200, 200), (120, 120, 180, 180), (300, 300, 340, 320))
    back = read([brush], SEGMENT)
    assert back.problems == []
    expected = shapely.union(
        shapely.difference(shapely.box(100, 100, 200, 200), shapely.box(120, 120, 180, 180)),
        shapely.box(300, 300, 340, 320),
    )
    assert len(back.shapes) == 1
    assert back.shapes.polygons[0].symmetric_difference(expected).area == 0


@pytest.mark.parametrize(
    ("region", "kind", "problem", "xyxy"),
    [
        pytest.param(
            TRIANGLE, DETECT, "shape became a box", (64, 48, 320, 240), id="polygon, boxes"
        ),
        pytest.param(
            polygon((10, 10), (50, 10), (50, 50), (10, 50)),
            OBB,
            "shape became an oriented box",
            (64, 48, 320, 240),
            id="polygon, oriented boxes",
        ),
        pytest.param(
            painted((100, 100, 200, 140)),
            OBB,
            "shape became an oriented box",
            (100, 100, 200, 140),
            id="brush, oriented boxes",
        ),
        pytest.param(
            rectangle(30),
            DETECT,
            "turned box made upright",
            (100, 120, 298.56, 303.92),
            id="turned rectangle, boxes",
        ),
        pytest.param(
            drawn("ellipselabels", x=50, y=50, radiusX=10, radiusY=10, rotation=0),
            SEGMENT,
            None,
            (256, 192, 384, 288),
            id="ellipse, polygons",
        ),
        pytest.param(
            polygon((-10, 10), (50, 10), (50, 50)),
            SEGMENT,
            "polygon beyond the tile",
            (0, 48, 320, 240),
            id="polygon over the edge",
        ),
        pytest.param(
            polygon((10, 10), (50, 50), (50, 10), (10, 50)),
            SEGMENT,
            "outline that crosses itself",
            (64, 48, 320, 240),
            id="bow tie",
        ),
    ],
)
def test_a_greater_kind_is_brought_to_the_projects_and_noted(
    region: dict[str, Any],
    kind: ShapeKind,
    problem: str | None,
    xyxy: tuple[float, ...],
) -> None:
    back = read([region], kind)
    assert [one.kind for one in back.problems] == ([problem] if problem else [])
    assert back.refusal is None
    np.testing.assert_allclose(back.shapes.xyxy, [xyxy], atol=0.2)
    assert all(one.is_valid for one in back.shapes.polygons)


@pytest.mark.parametrize("rotation", [0, 30])
def test_a_rectangle_among_polygons_spoils_the_tile(rotation: float) -> None:
    refusal = read([TRIANGLE | {"id": "other"}, rectangle(rotation)], SEGMENT).refusal
    assert refusal is not None
    assert refusal[0] == "rectangle in a project of polygons"
    assert refusal[1] == (
        "region r is a rectangle, which cannot become a polygon: draw the outline in its place"
    )


@pytest.mark.parametrize("kind", [OBB, SEGMENT])
@pytest.mark.parametrize(
    "region",
    [
        pytest.param(polygon((1, 1), (2, 2)), id="two points"),
        pytest.param(polygon((1, 1), (2, 2), (3, 3)), id="no area"),
        pytest.param(polygon((1, 1), (2, float("nan")), (3, 5)), id="no number"),
        pytest.param(polygon((101, 1), (120, 1), (110, 5)), id="outside"),
        pytest.param(polygon((1, 1), (2, 1), (3, 5), label="whale"), id="unknown class"),
        pytest.param(drawn("brushlabels", format="rle", rle=[]), id="a mask of nothing"),
        pytest.param(drawn("spherelabels", radius=1), id="a shape of a later version"),
        pytest.param(
            drawn("vectorlabels", vertices=[{"x": 1, "y": 1, "controlPoint1": {"x": 2, "y": 2}}]),
            id="a curve",
        ),
    ],
)
def test_a_tile_whose_regions_were_all_lost_is_not_empty(
    kind: ShapeKind, region: dict[str, Any]
) -> None:
    back = read([region], kind)
    assert sum(problem.is_loss for problem in back.problems) == 1
    assert back.refusal is not None
    assert back.refusal[0] == ALL_LOST


@pytest.mark.parametrize("kind", [DETECT, OBB, SEGMENT])
def test_an_annotation_without_regions_is_empty(kind: ShapeKind) -> None:
    assert read([], kind).refusal is None


def choice(*names: str, control: str = "label") -> dict[str, Any]:
    value = {"choices": list(names)}
    return {"id": "c", "type": "choices", "from_name": control, "to_name": "image", "value": value}


@pytest.mark.parametrize(
    ("result", "labels", "problems", "refusal"),
    [
        pytest.param([choice("buoy")], ("buoy",), [], None, id="one class"),
        pytest.param(
            [choice("buoy", "ship")], ("buoy",), ["several labels"], None, id="two classes"
        ),
        pytest.param([], (), [], NO_CLASS, id="none"),
        pytest.param([choice("whale")], (), ["unknown label"], ALL_LOST, id="unknown"),
        pytest.param(
            [choice("ship", control="weather")], (), ["not a class"], NO_CLASS, id="other control"
        ),
        pytest.param(
            [choice("ship"), TRIANGLE], ("ship",), ["not a class"], None, id="a shape besides"
        ),
    ],
)
def test_an_image_has_the_class_that_was_chosen(
    result: list[dict[str, Any]], labels: tuple[str, ...], problems: list[str], refusal: str | None
) -> None:
    back = read(result, CLASSIFY)
    assert back.shapes.labels == labels
    assert [problem.kind for problem in back.problems] == problems
    assert (back.refusal or (None,))[0] == refusal


def test_parts_that_people_left_are_one_object_unless_one_has_another_class() -> None:
    halves = shapely.MultiPolygon([shapely.box(10, 10, 50, 50), shapely.box(90, 10, 130, 50)])
    first, second = sent(tile_with(Shapes.of_outlines([halves], ["ship"])))["annotations"][0][
        "result"
    ]
    assert first["meta"] == {"text": ["part 1 of 2 of one object"]}
    assert len(read([first, second], SEGMENT).shapes) == 1
    np.testing.assert_allclose(
        read([second], SEGMENT).shapes.xyxy, [(90, 10, 130, 50)], atol=PIXELS
    )
    second["value"]["polygonlabels"] = ["buoy"]
    assert read([first, second], SEGMENT).shapes.labels == ("ship", "buoy")


def corners(*points: tuple[float, float]) -> Shapes:
    with np.errstate(invalid="ignore"):
        return Shapes.of_outlines([shapely.Polygon(points)], ["ship"])


@pytest.mark.parametrize(
    ("shapes", "issue", "count"),
    [
        pytest.param(
            corners((0, 0), (9, 9), (9, 0), (0, 9)),
            "polygon that crosses itself",
            2,
            id="crosses itself",
        ),
        pytest.param(corners((0, 0), (9, 9), (4, 4)), "unusable polygon", 0, id="no area"),
        pytest.param(corners((0, 0), (9, 0), (9, np.nan)), "unusable polygon", 0, id="no number"),
        pytest.param(
            corners((-9, 0), (-1, 0), (-1, 9)), "unusable polygon", 0, id="outside the tile"
        ),
        pytest.param(
            corners((-9, 0), (9, 0), (9, 9)), "polygon beyond the tile", 1, id="over the edge"
        ),
        pytest.param(
            Shapes.of_outlines(oriented_boxes([(2, 2)], [(50, 5)], [30]), ["ship"], kind=OBB),
            None,
            1,
            id="an oriented box over the edge",
        ),
        pytest.param(
            Shapes.of_outlines(oriented_boxes([(-50, 2)], [(50, 5)], [30]), ["ship"], kind=OBB),
            "unusable oriented box",
            0,
            id="an oriented box outside",
        ),
        pytest.param(
            Shapes(np.array([(0, 0, 640, 480)] * 2), ("ship", "buoy"), kind=CLASSIFY),
            "unusable class",
            1,
            id="two classes",
        ),
    ],
)
def test_what_is_sent_is_checked(shapes: Shapes, issue: str | None, count: int) -> None:
    task = task_of(tile_with(shapes), "/image.png")
    assert [one.kind for one in task.issues] == ([issue] if issue else [])
    result = json.loads(task.body)["annotations"][0]["result"]
    assert len(result) == count
    points = [point for region in result for point in region["value"].get("points", ())]
    assert all(-1e-6 <= value <= 100 + 1e-6 for point in points for value in point)


def test_an_image_without_a_class_is_sent_as_one_that_nobody_has_labelled() -> None:
    assert set(sent(tile_with(Shapes(kind=CLASSIFY)))) == {"data"}


def test_a_label_that_crosses_itself_is_compared_as_it_was_sent() -> None:
    bow_tie = corners((0, 0), (90, 90), (90, 0), (0, 90))
    task = sent(tile_with(bow_tie))
    proposals = Proposals(None, Project(1, "bay", "", ("ship",), SEGMENT), {})  # type: ignore[arg-type]
    at = {"updated_at": "2026-11-29T00:00:00+00:00", "completed_by": None}
    window = tile_with(None).window
    review = proposals.review(window, bow_tie, task["annotations"][0] | at)
    assert review is not None
    assert review.review.state == ReviewState.ACCEPTED
