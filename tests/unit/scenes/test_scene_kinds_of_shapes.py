"""All labels of a source are brought to one kind: the least it holds, or the one asked for."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.unit.scenes.reading import open_kind, read
from utils.errors import SourceError
from utils.scenes.held_shapes import chosen_kind, held_shapes
from utils.scenes.inspect import inspect
from utils.scenes.one_kind import LESSER_KIND
from utils.scenes.usable import usable_labels
from utils.shapes.shapes import ShapeKind

BOX = "0 0.5 0.5 0.2 0.2"
POLYGON = "0 0.1 0.1 0.3 0.1 0.2 0.3"


def yolo(root: Path, *files: list[str]) -> Path:
    root.mkdir(exist_ok=True)
    (root / "classes.txt").write_text("ship")
    for number, rows in enumerate(files):
        Image.new("RGB", (200, 100)).save(root / f"{number}.png")
        (root / f"{number}.txt").write_text("\n".join(rows))
    return root


def test_the_kind_of_a_source_is_the_least_that_occurs(tmp_path):
    held = held_shapes(open_kind("yolo", path=yolo(tmp_path / "s", [POLYGON] * 5, [BOX], [])))
    assert str(held) == "5 polygons and 1 box"
    assert chosen_kind("s", held, None) == ShapeKind.DETECT


def test_a_source_without_labels_takes_any_kind(tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    held = held_shapes(open_kind("folder", path=tmp_path))
    assert str(held) == "no labels"
    assert chosen_kind("s", held, None) == ShapeKind.DETECT
    assert chosen_kind("s", held, ShapeKind.SEGMENT) == ShapeKind.SEGMENT


@pytest.mark.parametrize(
    ("row", "wanted", "works"),
    [
        pytest.param(BOX, "segment", "detect", id="polygons from boxes"),
        pytest.param(BOX, "obb", "detect", id="oriented boxes from boxes"),
        pytest.param(BOX, "classify", "detect", id="classes from boxes"),
        pytest.param(POLYGON, "classify", "detect or obb or segment", id="classes from polygons"),
    ],
)
def test_a_kind_that_cannot_be_is_refused_with_what_works(tmp_path, row, wanted, works):
    held = held_shapes(open_kind("yolo", path=yolo(tmp_path / "s", [row])))
    with pytest.raises(SourceError, match=re.escape(f"Set kind to {works}, or leave it out")):
        chosen_kind("s", held, ShapeKind(wanted))


def test_shapes_of_a_greater_kind_are_brought_and_counted_once(tmp_path):
    reading = read("yolo", path=yolo(tmp_path / "s", [POLYGON] * 2, [POLYGON, BOX]))
    assert [len(scene.shapes or ()) for scene in reading.scenes] == [2, 2]
    (issue,) = reading.report.issues
    assert (issue.kind, issue.detail) == (
        "polygons brought to boxes",
        "polygons brought to boxes, 3 times, first in s/0.png",
    )


def test_shapes_of_a_lesser_kind_are_lost_and_a_scene_that_lost_all_is_unlabelled(tmp_path):
    root = yolo(tmp_path / "s", [POLYGON, BOX], [BOX])
    reading = read("yolo", ShapeKind.SEGMENT, path=root)
    assert reading.kinds == {LESSER_KIND: 2}
    assert reading.lost == (2, 2)
    shapes = [usable_labels(scene, 200, 100)[0] for scene in reading.scenes]
    assert [found is not None and len(found) for found in shapes] == [1, False]


def test_polygons_become_oriented_boxes(tmp_path):
    reading = read("yolo", ShapeKind.OBB, path=yolo(tmp_path / "s", [POLYGON]))
    shapes = reading.scenes[0].shapes
    assert shapes is not None
    assert shapes.kind == ShapeKind.OBB
    assert shapes.areas.tolist() == pytest.approx([800])  # twice the triangle's


def coco(root: Path, rows: list[dict[str, Any]]) -> Path:
    root.mkdir()
    for name in "abc":
        Image.new("RGB", (60, 40)).save(root / f"{name}.png")
    images = [{"id": number, "file_name": f"{name}.png"} for number, name in enumerate("abc")]
    categories = [{"id": 0, "name": "deer"}, {"id": 1, "name": "empty"}]
    content = {"images": images, "annotations": rows, "categories": categories}
    (root / "coco.json").write_text(json.dumps(content))
    return root


def test_annotations_without_a_place_are_classes_of_their_images(tmp_path):
    rows = [
        {"id": 0, "image_id": 0, "category_id": 0},
        {"id": 1, "image_id": 1, "category_id": 1},
    ]
    root = coco(tmp_path / "traps", rows)
    assert str(held_shapes(open_kind("coco", path=root))) == "2 classes of whole images"
    reading = read("coco", None, path=root)
    assert [reading.labels(index) for index in range(3)] == [("deer",), ("empty",), ()]
    assert reading.boxes() == [[0, 0, 60, 40]]


def test_an_image_of_several_classes_is_unlabelled_and_told(tmp_path):
    rows = [{"id": n, "image_id": 0, "category_id": n} for n in (0, 1)]
    reading = read("coco", None, path=coco(tmp_path / "traps", rows))
    assert reading.scenes[0].shapes is None
    (issue,) = (issue for issue in reading.report.issues if issue.lost)
    assert "deer, empty" in issue.detail


def test_inspection_shows_outlines_and_says_which_kind_they_are_read_as(tmp_path):
    root = yolo(tmp_path / "s", [POLYGON])
    found = inspect("yolo", str(root))
    assert (found["shapes"], found["held"]) == ("segment", "1 polygon")
    outline = found["scenes"][0]["labels"][0]["outline"]
    assert outline["type"] == "Polygon"
    assert outline["coordinates"][0][:3] == [[20, 10], [60, 10], [40, 30]]
    assert (
        "outline"
        not in inspect("yolo", str(root), shapes=ShapeKind.DETECT)["scenes"][0]["labels"][0]
    )
