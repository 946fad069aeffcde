"""Shapes of each kind go out as COCO json, GeoJSON, label files and pictures."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from utils.detection.geojson import write_geojson
from utils.detection.label_files import write_dota_labels, write_yolo_labels
from utils.detection.predictions import Predictions, ScenePrediction
from utils.geometry import Window
from utils.images.georeference import Georeference
from utils.issues import IssueReport
from utils.reports.pictures import picture
from utils.shapes.columns import with_kind
from utils.shapes.formats import to_coco_segmentation
from utils.shapes.masks import mask_of
from utils.shapes.outlines import corners_of, oriented_boxes
from utils.shapes.shapes import ShapeKind, Shapes

WIDTH, HEIGHT = 40, 30


@st.composite
def masks(draw: st.DrawFn) -> np.ndarray:
    """A mask of some rectangles, one of them cut out of the others."""
    mask = np.zeros((HEIGHT, WIDTH), dtype=np.uint8)
    for value in (1, 1, 0):
        x, y = draw(st.integers(0, WIDTH - 2)), draw(st.integers(0, HEIGHT - 2))
        width, height = draw(st.integers(1, WIDTH)), draw(st.integers(1, HEIGHT))
        mask[y : y + height, x : x + width] = value
    return mask


def outline_of(mask: np.ndarray):
    """The union of the pixels of a mask."""
    rows, columns = np.nonzero(mask)
    return shapely.union_all(shapely.box(columns, rows, columns + 1, rows + 1))


@settings(max_examples=60, deadline=None)
@given(masks())
def test_run_lengths_are_those_of_pycocotools(mask):
    from faster_coco_eval import mask as coco

    if not mask.any():
        return
    outline = outline_of(mask)
    segmentation = to_coco_segmentation(outline, WIDTH, HEIGHT)
    if isinstance(segmentation, list):
        encoded = coco.merge(coco.frPyObjects(segmentation, HEIGHT, WIDTH))
    else:
        assert sum(segmentation["counts"]) == WIDTH * HEIGHT
        encoded = coco.frPyObjects(segmentation, HEIGHT, WIDTH)
    assert np.array_equal(coco.decode(encoded), mask)


def test_a_hole_is_not_lost():
    ring = shapely.box(5, 5, 15, 15).difference(shapely.box(8, 8, 12, 12))
    segmentation = to_coco_segmentation(ring, WIDTH, HEIGHT)
    assert sum(segmentation["counts"][1::2]) == 100 - 16


def test_a_mask_is_made_of_the_window_alone():
    (ship,) = oriented_boxes([[1000, 2000]], [[20, 6]], [30])
    mask = mask_of(ship, Window(x=980, y=1980, width=40, height=40))
    assert mask.sum() == pytest.approx(120, abs=8)
    assert mask[20, 20]


def prediction(shapes: Shapes, georeference: Georeference | None = None) -> ScenePrediction:
    return ScenePrediction("port/a.tif", "a.tif", WIDTH, HEIGHT, shapes, "7", None,
                           georeference=georeference)  # fmt: skip


def written(shapes: Shapes, folder: Path, georeference: Georeference | None = None) -> Predictions:
    return Predictions.write(
        folder / "p.parquet",
        ("ship", "small boat"),
        [prediction(shapes, georeference)],
        footer=with_kind(shapes.kind),
    )


SHIP = Shapes.of_outlines(
    oriented_boxes([[20, 15]], [[20, 6]], [30]), ["small boat"], np.array([0.75]), ShapeKind.OBB
)
RING = Shapes.of_outlines(
    [shapely.box(4, 6, 20, 24).difference(shapely.box(8, 12, 16, 18))], ["ship"], np.array([0.5])
)
WHOLE = Shapes(
    np.tile([0.0, 0, WIDTH, HEIGHT], (2, 1)), ("ship", "small boat"), np.array([0.9, 0.1]),
    kind=ShapeKind.CLASSIFY,
)  # fmt: skip


@pytest.mark.parametrize("shapes", [SHIP, RING, WHOLE], ids=lambda shapes: shapes.kind.value)
def test_predictions_of_each_kind_come_back_from_their_table(shapes, tmp_path):
    predictions = written(shapes, tmp_path)
    assert predictions.kind == shapes.kind
    assert [scene.shapes for scene in predictions] == [shapes]


def test_an_oriented_box_is_four_corners_in_yolo_and_in_dota(tmp_path):
    write_yolo_labels(written(SHIP, tmp_path), tmp_path / "yolo")
    (text,) = [path.read_text() for path in (tmp_path / "yolo" / "labels").glob("*.txt")]
    number, *values, score = text.split()
    assert (number, float(score)) == ("1", 0.75)
    corners = np.array(values, dtype=float).reshape(4, 2) * [WIDTH, HEIGHT]
    assert corners == pytest.approx(corners_of(SHIP.outlines)[0], abs=1e-4)

    write_dota_labels(written(SHIP, tmp_path), tmp_path / "dota")
    (text,) = [path.read_text() for path in (tmp_path / "dota" / "labelTxt").glob("*.txt")]
    *values, label, difficult = text.split()
    assert (label, difficult) == ("small-boat", "0")
    assert np.array(values, dtype=float).reshape(4, 2) == pytest.approx(corners, abs=0.01)


def test_a_class_of_a_whole_image_has_a_row_without_a_place(tmp_path):
    write_yolo_labels(written(WHOLE, tmp_path), tmp_path / "yolo")
    (text,) = [path.read_text() for path in (tmp_path / "yolo" / "labels").glob("*.txt")]
    assert text == "0 0.900000\n1 0.100000\n"


def features(shapes: Shapes, folder: Path, georeference: Georeference) -> list[dict]:
    path = write_geojson(written(shapes, folder, georeference), folder / "geo", IssueReport())
    return json.loads(path.read_text())["features"]


def test_a_polygon_with_a_hole_lies_on_earth_where_its_pixels_lie(tmp_path):
    place = Georeference("EPSG:4326", (0.001, 0, 10.0, 0, -0.001, 50.0))
    (feature,) = features(RING, tmp_path, place)
    there = shapely.from_geojson(json.dumps(feature["geometry"]))
    expected = shapely.transform(
        RING.outlines[0], lambda points: points * [0.001, -0.001] + [10, 50]
    )
    assert shapely.symmetric_difference(there, expected).area < 1e-12
    assert there.exterior.is_ccw
    assert not there.interiors[0].is_ccw


def test_a_polygon_across_the_antimeridian_is_cut(tmp_path):
    place = Georeference("EPSG:4326", (0.001, 0, 179.988, 0, -0.001, 50.0))
    (feature,) = features(RING, tmp_path, place)
    there = shapely.from_geojson(json.dumps(feature["geometry"]))
    assert there.geom_type == "MultiPolygon"
    assert there.area == pytest.approx(RING.areas[0] * 1e-6, rel=1e-6)
    longitudes = shapely.get_coordinates(there)[:, 0]
    assert (np.abs(longitudes) >= 179.98).all()


@pytest.mark.parametrize(
    ("shapes", "drawn"),
    [
        pytest.param(SHIP, "<path", id="oriented box"),
        pytest.param(RING, "<path", id="polygon with a hole"),
        pytest.param(WHOLE, ">ship 0.90</text>", id="class"),
    ],
)
def test_pictures_show_the_true_shape(shapes, drawn):
    image = Image.new("RGB", (WIDTH, HEIGHT))
    shown = picture(image, (WIDTH, HEIGHT), "a", found=shapes)
    assert drawn in shown
    assert "<rect" not in shown
    if shapes is RING:
        assert shown.count("Z") >= 2
