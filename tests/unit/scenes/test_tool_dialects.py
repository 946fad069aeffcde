"""Dialects of FiftyOne, VGG's annotator and makesense: more than plain boxes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.builders import write_image
from tests.unit.scenes.reading import Reading, empty, read
from utils.errors import SourceError
from utils.labels.makesense_csv import MAYBE_LINES
from utils.labels.objects import NO_AREA, NO_LABEL, UNKNOWN_CLASS, UNREADABLE_LABEL
from utils.labels.vgg_json import NOT_DRAWN_ON

HULL = [20.0, 30.0, 60.0, 50.0]  # of an image of 200 x 100 pixels
SHARES = [0.1, 0.3, 0.2, 0.2]
BOX = {"name": "rect", "x": 20, "y": 30, "width": 40, "height": 20}


def read_json(folder: Path, content: Any, kind: str = "coco", **options: Any) -> Reading:
    for name in ("a.png", "b.png"):
        write_image(folder / name, 200, 100)
    (folder / "labels.json").write_text(json.dumps(content))
    return read(kind, None, path=folder, **options)


def samples(*values: Any, field: str = "ground_truth") -> dict[str, Any]:
    rows = zip(("a.png", "b.png"), values, strict=False)
    return {"samples": [{"filepath": name, field: value} for name, value in rows]}


def detections(**fields: Any) -> dict[str, Any]:
    box = {"_cls": "Detection", "label": "ship", "bounding_box": SHARES, **fields}
    return {"_cls": "Detections", "detections": [box]}


KEYPOINTS = {"_cls": "Keypoints", "keypoints": [{"label": "bow", "points": [[0.1, 0.1]]}]}


def test_keypoints_of_fiftyone_leave_their_image_unlabelled(tmp_path):
    reading = read_json(tmp_path, samples(KEYPOINTS, detections()))
    assert reading.scenes[0].shapes is None
    assert reading.boxes(1)[0] == pytest.approx(HULL)
    assert reading.kinds == {NO_AREA: 1}


@pytest.mark.parametrize(
    ("content", "options", "words"),
    [
        pytest.param(samples(KEYPOINTS), {}, "'ground_truth' holds Keypoints", id="keypoints"),
        pytest.param(samples(None), {}, "source.kind=folder", id="no labels"),
        pytest.param(
            samples({"_cls": "Segmentation"}, field="m"), {}, "source.images=data", id="masks"
        ),
        pytest.param(
            {"samples": [{"filepath": "a.png", "kp": KEYPOINTS, "boxes": detections()}]},
            {"label_field": "kp"},
            "'kp', which holds Keypoints, but in boxes",
            id="another field",
        ),
    ],
)
def test_fiftyone_without_labels_that_are_read_says_what_to_do(tmp_path, content, options, words):
    with pytest.raises(SourceError, match=words):
        read_json(tmp_path, content, **options)


def test_a_field_of_fiftyone_in_which_nothing_was_found_is_empty(tmp_path):
    nothing = {"_cls": "Detections", "detections": []}
    reading = read_json(tmp_path, samples(nothing, None))
    assert empty(reading.scenes[0].shapes)
    assert reading.scenes[1].shapes is None


@pytest.mark.parametrize(
    "value", [{"_cls": []}, {"_cls": {}}, 7, "ship", [1], {"_cls": "Detections", "detections": 5}]
)
def test_a_field_of_fiftyone_that_holds_anything_is_a_lost_label(tmp_path, value):
    reading = read_json(tmp_path, samples(value, detections()))
    assert reading.lost == (1, 1)


def test_a_sample_of_fiftyone_that_is_none_does_not_hide_the_others(tmp_path):
    content = samples(detections())
    content["samples"] += [None, {"filepath": 7}]
    reading = read_json(tmp_path, content)
    assert reading.boxes()[0] == pytest.approx(HULL)
    assert reading.kinds[UNREADABLE_LABEL] == 2


@pytest.mark.parametrize(
    ("value", "labels"),
    [
        pytest.param(1, ("ship",), id="number"),
        pytest.param({"label": 1, "confidence": 0.9}, ("ship",), id="number with a score"),
        pytest.param([{"label": 1, "attributes": {}}], ("ship",), id="list of classes"),
        pytest.param([{"label": 1.0, "bounding_box": SHARES}], ("ship",), id="whole number"),
        pytest.param([], (), id="nothing found"),
    ],
)
def test_classes_and_boxes_by_the_name_of_the_image(tmp_path, value, labels):
    content = {"classes": ["car", "ship"], "labels": {"a": value, "b": None}}
    reading = read_json(tmp_path, content)
    assert reading.labels() == labels
    assert reading.scenes[1].shapes is None
    assert reading.lost == (0, 0)
    assert reading.source.class_names == ("car", "ship")


@pytest.mark.parametrize("number", [7, -1, 0.5, True, None, []])
def test_a_number_that_names_no_class_of_fiftyone_is_lost(tmp_path, number):
    row = {"label": number, "bounding_box": SHARES}
    reading = read_json(tmp_path, {"classes": ["car", "ship"], "labels": {"a": [row]}})
    assert reading.kinds[UNKNOWN_CLASS] == 1
    assert reading.lost == (1, 1)


def test_a_mask_of_fiftyone_in_a_file_is_an_outline_and_no_image(tmp_path):
    painted = np.zeros((20, 40), np.uint8)
    painted[:, :10] = 255
    name = "fields/ground_truth.detections.mask_path/a.png"
    (tmp_path / name).parent.mkdir(parents=True)
    Image.fromarray(painted).save(tmp_path / name)
    reading = read_json(tmp_path, samples(detections(mask_path=name)))
    assert reading.boxes()[0] == pytest.approx([20, 30, 30, 50])
    assert reading.ids == [f"{tmp_path.name}/a.png"]
    assert NO_LABEL not in {issue.kind for issue in reading.report.issues if name in issue.item}


@pytest.mark.parametrize("name", ["../a.png", "none.png", "labels.json", "/etc/passwd", "a\0b", 7])
def test_a_mask_of_fiftyone_that_cannot_be_read_is_told(tmp_path, name):
    reading = read_json(tmp_path / "in", samples(detections(mask_path=name)))
    assert reading.boxes()[0] == pytest.approx(HULL)
    assert reading.kinds["mask read as its hull"] == 1


def vgg(*regions: object, **project: Any) -> dict[str, Any]:
    images = {
        "a": {"filename": "a.png", "regions": list(regions), "file_attributes": {}},
        "b": {"filename": "b.png", "regions": [], "file_attributes": {}},
    }
    return {"_via_img_metadata": images, **project} if project else images


def region(**attributes: object) -> dict[str, Any]:
    return {"shape_attributes": BOX, "region_attributes": attributes}


def declared(**kinds: str) -> dict[str, Any]:
    options = {"car": "", "ship": ""}
    return {"region": {name: {"type": kind, "options": options} for name, kind in kinds.items()}}


@pytest.mark.parametrize(
    ("attributes", "project", "field"),
    [
        pytest.param({"name": "Anna", "type": "ship"}, {}, "type", id="named by the option"),
        pytest.param(
            {"name": "Anna", "type": "ship"},
            {"_via_attributes": declared(name="text", type="dropdown", quality="checkbox")},
            None,
            id="a choice beside a text",
        ),
        pytest.param({"name": "Anna", "class": "ship", "type": "x"}, {}, None, id="class"),
        pytest.param({"type": {"ship": True, "car": False}}, {}, None, id="ticked"),
        pytest.param({"species": "ship"}, {}, None, id="only one"),
        pytest.param({"species": "ship", "note": "x"}, {}, "species", id="unusual, by the option"),
    ],
)
def test_the_class_of_a_region_is_in_one_of_its_attributes(tmp_path, attributes, project, field):
    content = vgg(region(**attributes), **project)
    assert read_json(tmp_path, content, label_field=field).labels() == ("ship",)


def test_a_region_with_a_name_and_a_type_is_asked_about(tmp_path):
    content = vgg(region(name="Anna", type="ship"))
    with pytest.raises(SourceError, match=r"source\.label_field=type"):
        read_json(tmp_path, content)


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        pytest.param({"species": "ship", "note": "x"}, "source.label_field=NAME", id="none named"),
        pytest.param({"type": {"ship": True, "car": True}}, "several", id="two ticked"),
    ],
)
def test_a_region_without_one_class_is_lost(tmp_path, attributes, words):
    reading = read_json(tmp_path, vgg(region(**attributes)))
    assert reading.lost == (1, 1)
    assert any(words in issue.detail for issue in reading.report.issues)


def test_an_image_that_nobody_has_drawn_on_is_unlabelled_in_vgg(tmp_path):
    content = vgg(region(type="ship"), _via_attributes=declared(type="radio"))
    reading = read_json(tmp_path, content)
    assert reading.scenes[1].shapes is None
    assert reading.kinds == {NOT_DRAWN_ON: 1}
    assert reading.source.class_names == ("car", "ship")
    content["_via_img_metadata"]["b"]["file_attributes"] = {"weather": "rain"}
    assert empty(read_json(tmp_path, content).scenes[1].shapes)


@pytest.mark.parametrize("regions", [5, "x", None, True])
def test_regions_of_vgg_that_are_no_list_are_lost_and_hide_no_other_image(tmp_path, regions):
    content = vgg(region(type="ship"))
    content["b"]["regions"] = regions
    content["c"] = None
    reading = read_json(tmp_path, content)
    assert reading.labels() == ("ship",)
    assert reading.lost == (1, 1)
    assert reading.kinds[UNREADABLE_LABEL] == 2


HEADER = "label_name,bbox_x,bbox_y,bbox_width,bbox_height,image_name,image_width,image_height\n"
ROW = "ship,20,30,40,20,a.png,200,100\n"


def read_table(folder: Path, text: str) -> Reading:
    write_image(folder / "a.png", 200, 100)
    (folder / "labels.csv").write_text(text)
    return read("coco", None, path=folder)


def test_boxes_of_makesense_with_their_header_are_sure(tmp_path):
    reading = read_table(tmp_path, HEADER + ROW)
    assert reading.boxes() == [HULL]
    assert MAYBE_LINES not in reading.kinds


def test_boxes_of_makesense_without_a_header_may_be_lines_which_is_told(tmp_path):
    reading = read_table(tmp_path, ROW)
    assert reading.boxes() == [HULL]
    assert reading.kinds[MAYBE_LINES] == 1
    assert read_table(tmp_path, "ship,170,80,31,21,a.png,200,100\n").lost == (0, 0)  # rounded


@pytest.mark.parametrize("line", ["120,80,180,20", "20,60,30,90"])
def test_lines_of_makesense_are_refused(tmp_path, line):
    with pytest.raises(SourceError, match="makesense's lines"):
        read_table(tmp_path, f"{ROW}wire,{line},a.png,200,100\n")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        pytest.param("a.csv", "ship,20,30,a.png,200,100\n", "makesense's points", id="points"),
        pytest.param("a.csv", 'a.png,"[ship]"\n', "classes of images", id="makesense's classes"),
        pytest.param(
            "a.csv",
            "filename,file_size,region_shape_attributes,region_attributes\n",
            "CSV of VGG's annotator",
            id="VGG's table",
        ),
        pytest.param("a.csv", "annotation_id,annotator,image\n", "Label Studio's CSV", id="CSV"),
        pytest.param(
            "a.json",
            '{"project": {}, "config": {}, "attribute": {}, "file": {}, "metadata": {}, "view": 1}',
            "annotator 3",
            id="VGG 3",
        ),
        pytest.param(
            "a.json", '[{"completions": [], "data": {}}]', "old version", id="completions"
        ),
        pytest.param("a.json", '[{"image": "a", "annotations": []}]', "CreateML", id="CreateML"),
        pytest.param(
            "a.json", '[{"shapes": [], "tracks": [], "tags": []}]', "CVAT", id="a backup of CVAT"
        ),
    ],
)
def test_a_file_of_another_tool_is_named_beside_labels_and_alone(tmp_path, name, text, words):
    (tmp_path / name).write_text(text)
    with pytest.raises(SourceError, match=words):
        read("coco", path=tmp_path)
    reading = read_json(tmp_path, samples(detections()))
    assert reading.labels() == ("ship",)
    assert any(words in issue.detail for issue in reading.report.issues)
    assert reading.lost == (0, 0)
