"""COCO as tools really write it: what can be read is read, the rest is told and counted."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.builders import write_image
from tests.unit.scenes.reading import Reading, empty, open_kind, read, write_coco
from utils.errors import SourceError
from utils.labels.coco_json import ALL_CROWDS, DOUBLED_KEY, NO_ANNOTATIONS, PLACEHOLDER
from utils.labels.objects import CROWD_REGION, NO_IMAGE, UNKNOWN_CLASS, UNREADABLE_LABEL
from utils.scenes.coco import LISTED_TWICE
from utils.scenes.usable import usable_labels

CORNERS = [20.0, 30.0, 60.0, 50.0]
BOX = [20, 30, 40, 20]
OUTLINE = [[20, 30, 60, 30, 60, 50, 20, 50]]
SHIP = [{"id": 1, "name": "ship"}]


def annotation(**fields: Any) -> dict[str, Any]:
    return {"id": 1, "image_id": 1, "category_id": 1, **fields}


def coco(folder: Path, *annotations: dict[str, Any], **fields: Any) -> Path:
    """A source with the image `a.png` and the annotations; further fields replace its own."""
    write_image(folder / "a.png", 200, 100)
    content = {
        "images": [{"id": 1, "file_name": "a.png", "width": 200, "height": 100}],
        "annotations": list(annotations),
        "categories": SHIP,
        **fields,
    }
    (folder / "coco.json").write_text(json.dumps(content))
    return folder


def is_unlabelled(reading: Reading) -> bool:
    """Whether the scene has lost its labels, so that it is not taken as empty."""
    return usable_labels(reading.scenes[0], 200, 100)[0] is None


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"bbox": BOX}, id="a box"),
        pytest.param({"bbox": ["20", "30", "40", "20"]}, id="numbers as text"),
        pytest.param({"bbox": ["20,0", "30,0", "40,0", "20,0"]}, id="decimal commas"),
        pytest.param({"bbox": {"x": 20, "y": 30, "width": 40, "height": 20}}, id="a mapping"),
        pytest.param({"segmentation": OUTLINE}, id="an outline alone"),
        pytest.param({"bbox": [], "segmentation": OUTLINE}, id="an empty box and an outline"),
        pytest.param({"bbox": None, "segmentation": OUTLINE[0]}, id="a flat outline"),
        pytest.param({"bbox": [0, 0, 0, 0], "segmentation": OUTLINE}, id="a box without area"),
        pytest.param({"bbox": BOX, "category_id": "1"}, id="category id as text"),
        pytest.param({"bbox": BOX, "image_id": "1"}, id="image id as text"),
        pytest.param({"bbox": BOX, "category_id": 1.0}, id="category id as fraction"),
        pytest.param({"bbox": BOX, "attributes": {"rotation": 0.0}}, id="turned by nothing"),
        pytest.param({"bbox": BOX, "attributes": {"rotation": 180}}, id="turned upside down"),
        pytest.param(
            {"bbox": [30, 20, 20, 40], "attributes": {"rotation": 90.0}}, id="turned by 90"
        ),
        pytest.param({"bbox": [30, 20, 20, 40], "rotation": "-90"}, id="turned, as a field"),
        pytest.param(
            {"segmentation": {"counts": [2030, *[20, 80] * 39, 20, 14050], "size": [100, 200]}},
            id="a mask in runs",
        ),
    ],
)
def test_what_can_be_read_is_read(tmp_path, fields):
    reading = read("coco", path=coco(tmp_path, annotation(**fields)))
    assert reading.boxes()[0] == pytest.approx(CORNERS)
    assert reading.lost == (0, 0)


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        pytest.param({}, UNREADABLE_LABEL, id="no place at all"),
        pytest.param({"bbox": [], "segmentation": []}, UNREADABLE_LABEL, id="empty lists"),
        pytest.param({"bbox": [1, 2, 3]}, UNREADABLE_LABEL, id="three numbers"),
        pytest.param({"bbox": [1, 2, 3, 4, 5]}, UNREADABLE_LABEL, id="five numbers"),
        pytest.param({"bbox": "20 30 40 20"}, UNREADABLE_LABEL, id="text"),
        pytest.param(
            {"segmentation": {"counts": [0, 10], "size": [100, 200]}}, UNREADABLE_LABEL, id="mask"
        ),
        pytest.param({"bbox": BOX, "category_id": 9}, UNKNOWN_CLASS, id="unknown category"),
        pytest.param({"bbox": BOX, "category_id": None}, UNKNOWN_CLASS, id="null category"),
        pytest.param({"bbox": BOX, "category_id": [1]}, UNKNOWN_CLASS, id="a list of categories"),
        pytest.param({"bbox": [1e400, 0, 1, 1]}, UNREADABLE_LABEL, id="infinite"),
        pytest.param({"bbox": [10**400, 0, 1, 1]}, UNREADABLE_LABEL, id="400 digits"),
        pytest.param({"bbox": [float("nan"), 0, 1, 1]}, UNREADABLE_LABEL, id="NaN"),
    ],
)
def test_an_image_whose_labels_are_all_lost_is_not_taken_as_empty(tmp_path, fields, kind):
    reading = read("coco", path=coco(tmp_path, annotation(**fields)))
    assert reading.kinds == {kind: 1}
    assert reading.lost == (1, 1)
    assert is_unlabelled(reading)


def test_a_category_that_means_nothing_there_is_no_class(tmp_path):
    """As camera traps write it: an empty image, and one with an animal somewhere."""
    names = [{"id": 0, "name": "empty"}, {"id": 1, "name": "deer"}]
    images = [{"id": n, "file_name": f"{n}.png", "location": 7} for n in (1, 2, 3)]
    rows = [
        annotation(bbox=BOX),
        annotation(image_id=2),
        annotation(image_id=3, category_id=0),
    ]
    for n in (1, 2, 3):
        write_image(tmp_path / f"{n}.png", 200, 100)
    source = coco(tmp_path, *rows, images=images, categories=names)
    reading = read("coco", path=source, name="n")
    assert reading.source.class_names == ("deer",)
    assert [scene.lost for scene in reading.scenes] == [0, 1, 0]
    assert empty(reading.scenes[2].shapes)
    assert {scene.group for scene in reading.scenes} == {"n/location 7"}


def test_a_crowd_is_no_box_and_an_image_of_crowds_is_not_empty(tmp_path):
    write_image(tmp_path / "b.png", 200, 100)
    images = [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}]
    crowd = {"bbox": [0, 0, 200, 100], "iscrowd": 1}
    rows = [annotation(bbox=BOX), annotation(**crowd), annotation(image_id=2, **crowd)]
    reading = read("coco", path=coco(tmp_path, *rows, images=images))
    assert reading.boxes() == [CORNERS]
    assert reading.scenes[1].shapes is None
    assert reading.kinds == {CROWD_REGION: 1}
    assert reading.lost == (0, 0)


def test_a_file_that_marks_every_label_as_a_crowd_marks_none(tmp_path):
    crowd = {"bbox": BOX, "iscrowd": 1}
    reading = read("coco", path=coco(tmp_path, annotation(**crowd), annotation(**crowd)))
    assert reading.boxes() == [CORNERS, CORNERS]
    assert reading.kinds == {ALL_CROWDS: 1}


@pytest.mark.parametrize(
    ("categories", "class_names"),
    [
        pytest.param(
            [("boats", "none"), ("ship", "boats"), ("tug", "boats")],
            ["ship", "tug"],
            id="Roboflow's",
        ),
        pytest.param([("ship", "none"), ("ship", "ship")], ["ship"], id="of the same name"),
        pytest.param([("person", "person"), ("ship", "vehicle")], ["person", "ship"], id="COCO's"),
        pytest.param([("boats", None), ("ship", None)], ["boats", "ship"], id="not said"),
    ],
)
def test_a_category_that_only_stands_for_the_others_is_no_class(tmp_path, categories, class_names):
    listed = [
        {"id": number, "name": name, "supercategory": above}
        for number, (name, above) in enumerate(categories)
    ]
    reading = read("coco", path=coco(tmp_path, annotation(bbox=BOX), categories=listed))
    assert list(reading.source.class_names) == class_names
    assert reading.kinds.get(PLACEHOLDER, 0) == int(categories[0][0] == "boats" != class_names[0])


def test_entries_of_one_image_in_several_files_are_joined(tmp_path):
    """Captions come before instances in COCO's folder: they must not make its images empty."""
    coco(tmp_path, annotation(bbox=BOX))
    images = [{"id": 8, "file_name": "a.png"}]
    rows = [{"image_id": 8, "caption": "a ship"}]
    (tmp_path / "captions.json").write_text(json.dumps({"images": images, "annotations": []}))
    reading = read("coco", path=tmp_path)
    assert reading.boxes() == [CORNERS]
    assert reading.kinds == {LISTED_TWICE: 1, NO_ANNOTATIONS: 1}
    (tmp_path / "captions.json").write_text(json.dumps({"images": images, "annotations": rows}))
    reading = read("coco", path=tmp_path)
    assert reading.boxes() == [CORNERS]
    assert reading.kinds == {UNREADABLE_LABEL: 1}


def test_a_broken_file_beside_the_right_one_is_told(tmp_path):
    coco(tmp_path, annotation(bbox=BOX))
    (tmp_path / "a-broken.json").write_text("{")
    (tmp_path / "nested.json").write_text("[" * 200_000)
    (tmp_path / "other.json").write_text('{"version": 1}')
    reading = read("coco", path=tmp_path)
    assert reading.boxes() == [CORNERS]
    assert reading.kinds == {UNREADABLE_LABEL: 2}
    with pytest.raises(SourceError, match="a-broken"):
        open_kind("coco", path=tmp_path, annotations=["a-broken.json"])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param(
            [{"image": "a.png", "annotation_id": 1, "annotator": 1}], "Label Studio", id="short"
        ),
        pytest.param({"images": [], "detection_categories": {}}, "MegaDetector", id="MegaDetector"),
        pytest.param([{"bbox": BOX, "score": 1}], "results", id="results"),
    ],
)
def test_the_json_of_other_tools_is_refused_with_what_to_do(tmp_path, content, words):
    write_image(tmp_path / "a.png")
    (tmp_path / "a.json").write_text(json.dumps(content))
    with pytest.raises(SourceError, match=words):
        open_kind("coco", path=tmp_path)


@pytest.mark.parametrize("key", ["images", "annotations", "categories"])
@pytest.mark.parametrize("value", [5, "text", {"a": 1}, True])
def test_a_field_that_is_no_list_is_one_sentence(tmp_path, key, value):
    with pytest.raises(SourceError, match=f"(?s)coco.json.*{key}"):
        open_kind("coco", path=coco(tmp_path, annotation(bbox=BOX), **{key: value}))


def test_a_field_that_is_there_twice_is_refused_and_a_smaller_one_told(tmp_path):
    coco(tmp_path, annotation(bbox=BOX))
    text = (tmp_path / "coco.json").read_text()
    (tmp_path / "coco.json").write_text(text.replace('"bbox"', '"bbox": [1, 1, 1, 1], "bbox"'))
    reading = read("coco", path=tmp_path)
    assert reading.boxes() == [CORNERS]
    assert reading.kinds == {DOUBLED_KEY: 1}
    (tmp_path / "coco.json").write_text(text[:-1] + ', "annotations": []}')
    with pytest.raises(SourceError, match="`annotations` twice"):
        open_kind("coco", path=tmp_path)


@pytest.mark.parametrize("name", ["x" * 300 + ".png", "a\u0000.png", "\ud800.png", 5, None, ""])
def test_a_file_name_that_no_disk_can_hold_costs_its_entry_only(tmp_path, name):
    images = [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": name}]
    rows = annotation(bbox=BOX), annotation(bbox=BOX, image_id=2)
    reading = read("coco", path=coco(tmp_path, *rows, images=images))
    assert reading.boxes() == [CORNERS]
    assert reading.report.labels_lost() == 1
    json.dumps(reading.report.to_rows()).encode()


@pytest.mark.parametrize("name", ["", "  ", None, "\ud800", "a\u0007b", "x" * 5000, ["ship"]])
def test_a_class_name_that_no_table_can_hold_costs_its_boxes_only(tmp_path, name):
    categories = [*SHIP, {"id": 2, "name": name}]
    rows = annotation(bbox=BOX), annotation(bbox=[1, 1, 5, 5], category_id=2)
    reading = read("coco", path=coco(tmp_path, *rows, categories=categories))
    assert reading.boxes() == [CORNERS]
    assert reading.source.class_names == ("ship",)
    assert reading.lost == (1, 1)


def test_the_boxes_of_a_missing_image_are_lost(tmp_path):
    images = [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "gone.png"}]
    rows = annotation(bbox=BOX), annotation(bbox=BOX, image_id=2), annotation(bbox=BOX, image_id=3)
    reading = read("coco", path=coco(tmp_path, *rows, images=images))
    assert reading.kinds == {NO_IMAGE: 2}
    assert reading.report.labels_lost() == 2


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_json_may_be_in_another_encoding(tmp_path, encoding):
    coco(tmp_path, annotation(bbox=BOX), categories=[{"id": 1, "name": "Fähre"}])
    content = json.loads((tmp_path / "coco.json").read_text())
    text = json.dumps(content, ensure_ascii=False)
    (tmp_path / "coco.json").write_bytes(text.encode(encoding))
    assert read("coco", path=tmp_path).labels() == ("Fähre",)


@pytest.mark.parametrize(
    "layout",
    [
        pytest.param(("labels.json", "data/a.png", "a.png"), id="FiftyOne"),
        pytest.param(
            ("result.json", "images/1a2b3c4d-a.png", "images/1/1a2b3c4d-a.png"), id="Label Studio"
        ),
        pytest.param(("annotations/instances_default.json", "images/a.png", "a.png"), id="CVAT"),
        pytest.param(
            ("annotations/instances_default.json", "images/default/a.png", "a.png"),
            id="CVAT, subset",
        ),
        pytest.param(
            ("train/_annotations.coco.json", "train/a_jpg.rf.0f.jpg", "a_jpg.rf.0f.jpg"),
            id="Roboflow",
        ),
    ],
)
def test_the_exports_of_tools_come_back(tmp_path, layout):
    listing, image, file_name = layout
    write_image(tmp_path / image, 200, 100)
    content = {
        "images": [{"id": 1, "file_name": file_name, "width": 200, "height": 100}],
        "annotations": [annotation(bbox=BOX, iscrowd=0)],
        "categories": SHIP,
    }
    (tmp_path / listing).parent.mkdir(exist_ok=True)
    (tmp_path / listing).write_text(json.dumps(content))
    reading = read("coco", path=tmp_path, name="n")
    assert reading.ids == [f"n/{image}"]
    assert reading.boxes() == [CORNERS]
    assert reading.lost == (0, 0)


@pytest.mark.parametrize(
    ("annotations", "is_empty"),
    [
        pytest.param(None, False, id="no list: nobody has looked"),
        pytest.param([], True, id="an empty list: nothing was found"),
    ],
)
def test_a_file_that_labels_nothing_is_told(tmp_path, annotations, is_empty):
    reading = read("coco", path=coco(tmp_path, annotations=annotations))
    assert empty(reading.scenes[0].shapes) == is_empty
    assert reading.kinds == {NO_ANNOTATIONS: 1}


@pytest.mark.parametrize("bbox", [None, [], [0, 0, 0, 0]])
def test_a_label_that_says_that_nothing_is_there_makes_an_empty_scene(tmp_path, bbox):
    nothing = [*SHIP, {"id": 2, "name": "empty"}]
    write_image(tmp_path / "b.png")
    images = [{"id": 1, "file_name": "a.png"}, {"id": 2, "file_name": "b.png"}]
    rows = annotation(bbox=BOX), annotation(image_id=2, category_id=2, bbox=bbox)
    reading = read("coco", path=coco(tmp_path, *rows, images=images, categories=nothing))
    assert reading.source.class_names == ("ship",)
    assert empty(reading.scenes[1].shapes)
    assert reading.report.labels_lost() == 0


def test_labels_that_a_second_file_gives_in_another_frame_are_lost(tmp_path):
    coco(tmp_path, annotation(bbox=BOX))
    small = [{"id": 1, "file_name": "a.png", "width": 100, "height": 50}]
    half = annotation(bbox=[50, 25, 20, 10])
    content = {"images": small, "annotations": [half], "categories": SHIP}
    (tmp_path / "small.json").write_text(json.dumps(content))
    reading = read("coco", path=tmp_path)
    assert reading.boxes() == [CORNERS]
    assert reading.lost == (1, 1)


def test_frames_of_a_video_are_one_group(tmp_path):
    images = [{"id": 1, "file_name": "a.png", "video_id": 7}]
    reading = read("coco", path=coco(tmp_path, annotation(bbox=BOX), images=images), name="n")
    assert reading.scenes[0].group == "n/video_id 7"


def test_images_that_only_a_broken_json_may_list_count_as_set_aside(tmp_path):
    write_image(tmp_path / "train" / "a.png")
    write_image(tmp_path / "valid" / "b.png")
    write_coco(tmp_path / "train" / "l.json", {1: "a.png"}, [(1, 7, [1, 1, 9, 9])])
    (tmp_path / "valid" / "l.json").write_text('{"images": [{"id": 1, "file_na')
    reading = read("coco", path=str(tmp_path))
    assert len(reading.scenes) == 1
    aside = {Path(issue.item).name for issue in reading.report.issues if issue.set_aside}
    assert aside == {"l.json", "b.png"}
