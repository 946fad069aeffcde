"""Labels that make no object: they are told, and an image that has these alone is not empty."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.builders import write_image
from tests.unit.scenes.reading import Reading, empty, read
from utils.errors import SourceError
from utils.labels.coco_json import SEQUENCE_CLASS, SOME_CLASSES
from utils.labels.masks import OTHER_SIZE
from utils.labels.objects import CROWD_REGION, NO_AREA, UNKNOWN_CLASS, UNREADABLE_LABEL

BOX = [20, 30, 40, 20]
HULL = [20.0, 30.0, 60.0, 50.0]
IMAGE = {"id": 1, "file_name": "a.png", "width": 200, "height": 100}


def read_json(folder: Path, content: Any, kind: str = "coco", **options: Any) -> Reading:
    write_image(folder / "a.png", 200, 100)
    (folder / "labels.json").write_text(json.dumps(content))
    return read(kind, None, path=folder, **options)


def coco(*rows: dict[str, Any], **image: Any) -> dict[str, Any]:
    categories = [{"id": 0, "name": "empty"}, {"id": 1, "name": "ship"}]
    own = [{"image_id": 1, "category_id": 1, **row} for row in rows]
    return {"images": [{**IMAGE, **image}], "annotations": own, "categories": categories}


def datumaro(*rows: object, **item: Any) -> dict[str, Any]:
    names = [{"name": "ship"}, {"name": "DontCare"}]
    image = {"path": "a.png", "size": [100, 200]}
    whole = {"id": "a", "annotations": list(rows), "image": image, **item}
    return {"categories": {"label": {"labels": names}}, "items": [whole]}


def runs(height: int, width: int, top: int, left: int, bottom: int, right: int) -> dict[str, Any]:
    """A run-length mask of one rectangle."""
    counts = [left * height + top]
    for _ in range(left, right):
        counts += [bottom - top, height - (bottom - top)]
    counts[-1] = height * width - sum(counts[:-1])
    return {"size": [height, width], "counts": counts}


SIZES = pytest.mark.parametrize(
    "mask",
    [
        pytest.param(runs(50, 100, 15, 10, 25, 30), id="half as large"),
        pytest.param(runs(200, 100, 30, 20, 50, 60), id="sides exchanged"),
        pytest.param(runs(200, 400, 60, 40, 100, 120), id="twice as large"),
    ],
)


@SIZES
def test_a_mask_of_another_size_than_the_file_states_leaves_the_box(tmp_path, mask):
    reading = read_json(tmp_path, coco({"segmentation": mask, "bbox": BOX}))
    assert reading.boxes() == [HULL]
    assert reading.kinds[OTHER_SIZE] == 1
    assert reading.lost == (0, 0)


@SIZES
def test_a_mask_of_another_size_without_a_box_is_lost(tmp_path, mask):
    reading = read_json(tmp_path, coco({"segmentation": mask}))
    assert reading.scenes[0].shapes is None
    assert reading.lost == (1, 1)
    row = {"type": "mask", "label_id": 0, "rle": mask}
    assert read_json(tmp_path, datumaro(row)).lost == (1, 1)


def test_a_mask_states_the_size_of_its_image_where_nothing_else_does(tmp_path):
    content = coco({"segmentation": runs(50, 100, 15, 10, 25, 30)})
    content["images"] = [{"id": 1, "file_name": "a.png"}]
    assert read_json(tmp_path, content).boxes() == [HULL]


@pytest.mark.parametrize("size", [[0.5, 2], [0, 0], [-1, -1], "ab", ["1", "1"], [1], None, {}])
def test_a_mask_of_no_size_is_lost(tmp_path, size):
    content = coco({"segmentation": {"size": size, "counts": [0, 1]}})
    assert read_json(tmp_path, content).lost == (1, 1)


@pytest.mark.parametrize(
    ("row", "image", "labels"),
    [
        pytest.param({}, {}, None, id="class of a sequence"),
        pytest.param({}, {"seq_num_frames": 1}, ("ship",), id="sequence of one image"),
        pytest.param({"bbox": BOX}, {}, ("ship",), id="box"),
        pytest.param({"sequence_level_annotation": False}, {}, ("ship",), id="class of the image"),
        pytest.param({"category_id": 0}, {}, ("empty",), id="empty sequence"),
    ],
)
def test_the_class_of_a_sequence_is_not_that_of_its_images(tmp_path, row, image, labels):
    content = coco({"sequence_level_annotation": True, **row}, **image)
    reading = read_json(tmp_path, content, "camera-traps")
    if labels is None:
        assert reading.scenes[0].shapes is None
        assert reading.kinds[SEQUENCE_CLASS] == 1
    else:
        assert reading.labels() == labels
        assert SEQUENCE_CLASS not in reading.kinds


def test_captions_beside_labels_are_passed_over_and_told(tmp_path):
    captions = {"images": [IMAGE], "annotations": [{"id": 1, "image_id": 1, "caption": "a ship"}]}
    (tmp_path / "captions.json").write_text(json.dumps(captions))
    reading = read_json(tmp_path, coco({"bbox": BOX}), classes=["ship"])
    assert reading.boxes() == [HULL]
    assert reading.lost == (0, 0)
    assert any("holds captions" in issue.detail for issue in reading.report.issues)
    (tmp_path / "labels.json").unlink()
    with pytest.raises(SourceError, match="holds captions"):
        read("coco", path=tmp_path)


def test_the_address_in_lvis_names_the_image_and_some_classes_leave_it_unlabelled(tmp_path):
    address = "http://images.cocodataset.org/train2017/a.png"
    content = coco({"bbox": BOX})
    content["images"] = [{"id": 1, "coco_url": address, "neg_category_ids": [3]}]
    reading = read_json(tmp_path, content)
    assert reading.boxes() == [HULL]
    assert SOME_CLASSES in reading.kinds
    write_image(tmp_path / "b.png")
    content["images"].append({"id": 2, "coco_url": "http://x/b.png", "neg_category_ids": []})
    assert read_json(tmp_path, content).scenes[1].shapes is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        pytest.param(coco({"bbox": BOX}, file_name=None), "no usable `id` and `file_name`"),
        pytest.param([{"annotations": [], "data": {"image": "a.png"}}], "nobody has annotated"),
        pytest.param([{"annotations": [{}], "data": {"text": "a ship"}}], "it names no image"),
    ],
)
def test_a_file_without_images_says_why(tmp_path, content, reason):
    with pytest.raises(SourceError, match=reason):
        read_json(tmp_path, content)


@pytest.mark.parametrize(
    "row",
    [
        pytest.param({"type": "points", "points": [1, 1, 9, 9]}, id="points"),
        pytest.param({"type": "caption", "caption": "a ship"}, id="caption"),
        pytest.param({"type": "skeleton", "elements": []}, id="skeleton"),
    ],
)
def test_an_image_with_points_alone_is_unlabelled(tmp_path, row):
    reading = read_json(tmp_path, datumaro({"label_id": 0, **row}))
    assert reading.scenes[0].shapes is None
    assert reading.kinds == {NO_AREA: 1}
    box = {"type": "bbox", "label_id": 0, "bbox": BOX}
    assert read_json(tmp_path, datumaro({"label_id": 0, **row}, box)).boxes() == [HULL]


@pytest.mark.parametrize(
    "region",
    [
        pytest.param({"attributes": {"is_crowd": True}}, id="COCO"),
        pytest.param({"attributes": {"is_group_of": True}}, id="Open Images"),
        pytest.param({"attributes": {"ignored": True}}, id="MOT"),
        pytest.param({"label_id": 1}, id="KITTI"),
    ],
)
def test_regions_that_datumaro_marks_as_no_object_are_left_out(tmp_path, region):
    box = {"type": "bbox", "label_id": 0, "bbox": BOX, "attributes": {"is_crowd": False}}
    reading = read_json(tmp_path, datumaro(box, {**box, **region}))
    assert reading.boxes() == [HULL]
    assert reading.kinds == {CROWD_REGION: 1}
    assert reading.scenes[0].tags == ()
    assert reading.source.class_names == ("ship",)


def test_datumaro_that_marks_every_box_as_a_crowd_marks_none(tmp_path):
    crowd = {"type": "bbox", "label_id": 0, "bbox": BOX, "attributes": {"is_crowd": True}}
    assert read_json(tmp_path, datumaro(crowd, crowd)).boxes() == [HULL, HULL]


def test_no_annotation_in_datumaro_is_empty_and_what_is_no_list_is_not(tmp_path):
    assert empty(read_json(tmp_path, datumaro()).scenes[0].shapes)
    reading = read_json(tmp_path, datumaro(annotations={"a": 1}))
    assert reading.lost == (1, 1)
    assert reading.kinds == {UNREADABLE_LABEL: 1}
    reading = read_json(tmp_path, datumaro({"type": "label", "label_id": 7}))
    assert reading.lost == (1, 1)
    assert reading.kinds == {UNKNOWN_CLASS: 1}
