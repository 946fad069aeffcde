"""Outlines come back from label files as they were written, whatever the format."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from faster_coco_eval import mask as coco_mask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.unit.scenes.reading import read
from utils.shapes.outlines import angles_of, corners_of
from utils.shapes.shapes import ShapeKind, Shapes

SIZE = (300, 200)
AGAIN = settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
coordinates = st.floats(5, 90)


@st.composite
def polygons(draw: st.DrawFn) -> Any:
    """A star-shaped polygon of three to twelve corners."""
    count = draw(st.integers(3, 12).filter(lambda n: n != 4))
    steps = [draw(st.floats(0.7, 1.3)) for _ in range(count)]
    angles = 2 * np.pi * np.cumsum(steps) / np.sum(steps)
    radii = np.array([draw(st.floats(8, 40)) for _ in range(count)])
    x, y = draw(st.floats(50, 250)), draw(st.floats(50, 150))
    points = np.column_stack([x + radii * np.cos(angles), y + radii * np.sin(angles)])
    return shapely.Polygon(points)


@st.composite
def rectangles(draw: st.DrawFn) -> np.ndarray:
    """The corners of an oriented box, clockwise from its own top left."""
    width, height = draw(st.floats(10, 60)), draw(st.floats(10, 60))
    angle = draw(st.floats(0, 2 * math.pi))
    along = np.array([math.cos(angle), math.sin(angle)])
    across = np.array([-along[1], along[0]])
    first = np.array([draw(st.floats(100, 200)), draw(st.floats(90, 110))])
    return np.array(
        [first, first + width * along, first + width * along + height * across,
         first + height * across]
    )  # fmt: skip


def source(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    Image.new("RGB", SIZE).save(folder / "a.png")
    return folder


def coco(folder: Path, *segmentations: Any) -> Path:
    rows = [
        {"id": number, "image_id": 1, "category_id": 1, "segmentation": segmentation}
        for number, segmentation in enumerate(segmentations)
    ]
    image = {"id": 1, "file_name": "a.png", "width": SIZE[0], "height": SIZE[1]}
    content = {
        "images": [image],
        "annotations": rows,
        "categories": [{"id": 1, "name": "ship"}],
    }
    (source(folder) / "coco.json").write_text(json.dumps(content))
    return folder


def found_in(kind: str, folder: Path, **options: Any) -> Shapes:
    (scene,) = read(kind, None, path=folder, **options).scenes
    assert scene.shapes is not None
    return scene.shapes


def apart(found: Shapes, written: list[Any]) -> float:
    """The largest Hausdorff distance of outlines in pixels."""
    assert len(found) == len(written)
    return float(np.max(shapely.hausdorff_distance(found.polygons, np.array(written))))


@AGAIN
@given(st.lists(polygons(), min_size=1, max_size=3))
def test_polygons_come_back_from_coco(tmp_path, written):
    flat = [[shapely.get_coordinates(one)[:-1].ravel().tolist()] for one in written]
    found = found_in("coco", coco(tmp_path / "s", *flat))
    assert found.kind == ShapeKind.SEGMENT
    assert apart(found, written) < 0.01


@AGAIN
@given(st.lists(polygons(), min_size=1, max_size=3))
def test_polygons_come_back_from_yolo(tmp_path, written):
    lines = [
        "0 " + " ".join(f"{v:.7f}" for v in (shapely.get_coordinates(one)[:-1] / SIZE).ravel())
        for one in written
    ]
    folder = source(tmp_path / "s")
    (folder / "a.txt").write_text("\n".join(lines))
    found = found_in("yolo", folder, classes=["ship"])
    assert found.kind == ShapeKind.SEGMENT
    assert apart(found, written) < 0.01


@AGAIN
@given(st.lists(rectangles(), min_size=1, max_size=3))
def test_oriented_boxes_come_back_from_yolo_with_their_heading(tmp_path, written):
    lines = ["0 " + " ".join(f"{v:.7f}" for v in (one / SIZE).ravel()) for one in written]
    folder = source(tmp_path / "s")
    (folder / "a.txt").write_text("\n".join(lines))
    found = found_in("yolo", folder, classes=["ship"])
    assert found.kind == ShapeKind.OBB
    assert np.abs(corners_of(found.polygons) - written).max() < 0.01


@AGAIN
@given(st.lists(rectangles(), min_size=1, max_size=3))
def test_oriented_boxes_come_back_from_dota_with_their_heading(tmp_path, written):
    rows = [" ".join(f"{v:.4f}" for v in one.ravel()) + " ship 0" for one in written]
    folder = source(tmp_path / "s")
    (folder / "a.txt").write_text("\n".join(["imagesource:GoogleEarth", "gsd:0.2", *rows]))
    found = found_in("yolo", folder)
    assert found.kind == ShapeKind.OBB
    assert np.abs(corners_of(found.polygons) - written).max() < 0.01
    angles = angles_of(corners_of(found.polygons)) - angles_of(np.array(written))
    assert np.abs((angles + 180) % 360 - 180).max() < 0.1


@AGAIN
@given(st.data(), st.booleans())
def test_masks_come_back_from_coco_along_the_edges_of_their_pixels(tmp_path, data, is_compressed):
    mask = np.zeros(SIZE[::-1], dtype=np.uint8)
    for _ in range(3):
        x, y = data.draw(st.integers(0, 290)), data.draw(st.integers(0, 190))
        mask[y : y + data.draw(st.integers(1, 40)), x : x + data.draw(st.integers(1, 60))] ^= 1
    mask[100, 100:103] = [1, 0, 1]
    encoded = coco_mask.encode(np.asfortranarray(mask))
    if is_compressed:
        segmentation = {"size": encoded["size"], "counts": encoded["counts"].decode()}
    else:
        runs = np.diff(np.flatnonzero(np.diff(np.r_[2, mask.flatten("F"), 2])))
        lead = [] if mask[0, 0] == 0 else [0]
        segmentation = {"size": list(mask.shape), "counts": [*lead, *runs.tolist()]}
    found = found_in("coco", coco(tmp_path / "s", segmentation))
    pixels = shapely.union_all([shapely.box(x, y, x + 1, y + 1) for y, x in np.argwhere(mask)])
    assert found.polygons[0].symmetric_difference(pixels).area == 0


def test_a_hole_in_a_mask_stays_a_hole(tmp_path):
    mask = np.zeros(SIZE[::-1], dtype=np.uint8)
    mask[20:60, 30:90] = 1
    mask[30:40, 40:60] = 0
    encoded = coco_mask.encode(np.asfortranarray(mask))
    segmentation = {"size": encoded["size"], "counts": encoded["counts"].decode()}
    found = found_in("coco", coco(tmp_path / "s", segmentation))
    assert found.areas.tolist() == [2400 - 200]
    assert len(found.polygons[0].interiors) == 1


def test_rows_that_mix_kinds_are_each_what_they_are(tmp_path):
    folder = source(tmp_path / "s")
    rows = [
        "0 0.5 0.5 0.2 0.2",
        "0 0.1 0.1 0.3 0.1 0.2 0.3",
        "0 0.5 0.5 0.7 0.5 0.7 0.9 0.6 0.9 0.5 0.8",
    ]
    (folder / "a.txt").write_text("\n".join(rows))
    reading = read("yolo", None, path=folder, classes=["ship"])
    assert reading.scenes[0].shapes.kind == ShapeKind.DETECT
    assert len(reading.scenes[0].shapes) == 3
    assert reading.kinds == {"polygons brought to boxes": 1}
    reading = read("yolo", ShapeKind.SEGMENT, path=folder, classes=["ship"])
    assert len(reading.scenes[0].shapes) == 2
    assert reading.lost == (1, 1)


def test_four_corners_that_are_no_rectangle_are_polygons(tmp_path):
    folder = source(tmp_path / "s")
    (folder / "a.txt").write_text("0 0.1 0.1 0.3 0.1 0.3 0.3 0.2 0.3")
    assert found_in("yolo", folder, classes=["ship"]).kind == ShapeKind.SEGMENT


def test_outlines_follow_a_resized_image(tmp_path):
    folder = coco(tmp_path / "s", [[10, 10, 50, 10, 30, 60]])
    Image.new("RGB", (600, 400)).save(folder / "a.png")
    assert shapely.get_coordinates(found_in("coco", folder).polygons[0])[:3].tolist() == [
        [20, 20],
        [100, 20],
        [60, 120],
    ]


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_outlines_of_the_stored_image_are_turned_with_their_hulls(tmp_path, orientation):
    folder = coco(tmp_path / "s", [[10, 10, 50, 10, 30, 60]])
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", SIZE).save(folder / "a.png", exif=exif)
    found = found_in("coco", folder)
    np.testing.assert_allclose(found.xyxy[0], found.polygons[0].bounds)
    assert found.areas.tolist() == [1000]


def test_a_file_of_rectangles_alone_holds_boxes(tmp_path):
    folder = coco(tmp_path / "s", [[10, 10, 50, 10, 50, 60, 10, 60]])
    assert found_in("coco", folder).kind == ShapeKind.DETECT


def test_objects_that_are_difficult_are_kept_and_counted(tmp_path):
    folder = source(tmp_path / "s")
    (folder / "a.txt").write_text("10 10 50 10 50 30 10 30 ship 1\n9 9 50 9 50 30 9 30 ship 0\n")
    reading = read("yolo", None, path=folder)
    assert reading.labels() == ("ship", "ship")
    assert reading.kinds == {"object marked as difficult": 1}


def voc(folder: Path, *objects: str) -> Path:
    inner = "".join(f"<object><name>ship</name>{one}</object>" for one in objects)
    (source(folder) / "a.xml").write_text(f"<annotation>{inner}</annotation>")
    return folder


def test_an_oriented_box_of_rolabelimg_is_turned_clockwise_about_its_centre(tmp_path):
    box = "<robndbox><cx>100</cx><cy>80</cy><w>60</w><h>20</h><angle>0.5</angle></robndbox>"
    found = found_in("voc", voc(tmp_path / "s", box))
    corners = corners_of(found.polygons)
    assert angles_of(corners)[0] == pytest.approx(np.degrees(0.5))
    np.testing.assert_allclose(corners[0].mean(axis=0), [100, 80])
    assert found.areas[0] == pytest.approx(1200)


def test_a_polygon_of_voc_is_an_outline(tmp_path):
    points = "<x1>10</x1><y1>10</y1><x2>50</x2><y2>10</y2><x3>30</x3><y3>60</y3>"
    found = found_in("voc", voc(tmp_path / "s", f"<polygon>{points}</polygon>"))
    assert (found.kind, found.areas.tolist()) == (ShapeKind.SEGMENT, [1000])


def cvat(folder: Path, *shapes: str) -> Path:
    image = f'<image name="a.png" width="300" height="200">{"".join(shapes)}</image>'
    (source(folder) / "annotations.xml").write_text(f"<annotations>{image}</annotations>")
    return folder


CVAT_BOX = '<box label="ship" xtl="70" ytl="70" xbr="130" ybr="90" {}/>'


def test_boxes_beside_turned_ones_of_cvat_are_oriented_boxes(tmp_path):
    root = cvat(tmp_path / "s", CVAT_BOX.format('rotation="30"'), CVAT_BOX.format(""))
    found = found_in("voc", root)
    assert found.kind == ShapeKind.OBB
    np.testing.assert_allclose(angles_of(corners_of(found.polygons)), [30, 0], atol=1e-9)
    assert found.areas.tolist() == pytest.approx([1200, 1200])


def test_a_mask_of_cvat_is_an_outline(tmp_path):
    mask = '<mask label="ship" rle="1,2,1,2" left="10" top="20" width="3" height="2"/>'
    found = found_in("voc", cvat(tmp_path / "s", mask))
    assert (found.kind, found.areas.tolist()) == (ShapeKind.SEGMENT, [4])
    assert found.xyxy.tolist() == [[11, 20, 13, 22]]


def test_a_tag_of_cvat_is_the_class_of_its_image(tmp_path):
    found = found_in("voc", cvat(tmp_path / "s", '<tag label="harbour"/>'))
    assert found == Shapes.of_image(300, 200, "harbour")


def test_rotated_boxes_of_coco_are_oriented_boxes(tmp_path):
    folder = coco(tmp_path / "s", [])
    content = json.loads((folder / "coco.json").read_text())
    content["annotations"][0] |= {"bbox": [70, 70, 60, 20], "attributes": {"rotation": 30.0}}
    (folder / "coco.json").write_text(json.dumps(content))
    found = found_in("coco", folder)
    assert found.kind == ShapeKind.OBB
    assert angles_of(corners_of(found.polygons))[0] == pytest.approx(30)


def test_a_rectangle_of_label_studio_is_turned_clockwise_about_its_corner(tmp_path):
    value = {"x": 30, "y": 30, "width": 20, "height": 10, "rotation": 30}
    region = {"id": "r", "type": "rectanglelabels", "original_width": 300, "original_height": 200}
    region["value"] = {**value, "rectanglelabels": ["ship"]}
    task = {"id": 1, "data": {"image": "a.png"}, "annotations": [{"result": [region]}]}
    (source(tmp_path / "s") / "tasks.json").write_text(json.dumps([task]))
    corners = corners_of(found_in("coco", tmp_path / "s").polygons)
    np.testing.assert_allclose(corners[0, 0], [90, 60])
    assert angles_of(corners)[0] == pytest.approx(30)
    np.testing.assert_allclose(np.linalg.norm(corners[0, 1] - corners[0, 0]), 60)
