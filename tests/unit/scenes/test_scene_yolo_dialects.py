"""YOLO as tools really write it: lines, class names, lists of images, layouts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.builders import write_image
from tests.unit.scenes.reading import empty, open_kind, read, write_yolo
from utils.errors import SourceError
from utils.labels.objects import NO_IMAGE, NO_LABEL, SHARED_LABEL, UNKNOWN_CLASS, UNREADABLE_LABEL
from utils.scenes.settle import SCORES
from utils.scenes.usable import usable_labels
from utils.scenes.yolo_classes import MISSING_IMAGE, NOT_IN_LISTS, SEVERAL_LISTS

CORNERS = [20.0, 30.0, 60.0, 50.0]  # of an image of 200 x 100 pixels
LINE = "0 0.2 0.4 0.2 0.2"


@pytest.fixture
def bay(tmp_path: Path) -> Path:
    write_image(tmp_path / "images" / "a.png", 200, 100)
    write_yolo(tmp_path / "labels" / "a.txt", LINE)
    write_yolo(tmp_path / "data.yaml", "names: [ship, tug boat]")
    return tmp_path


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(f"\ufeff{LINE}", id="BOM"),
        pytest.param(f"\r\n{LINE}\r\n\r\n", id="lines of Windows"),
        pytest.param("0,0.2,0.4,0.2,0.2", id="commas"),
        pytest.param("0, 0.2, 0.4, 0.2, 0.2", id="commas and spaces"),
        pytest.param("0;0.2;0.4;0.2;0.2", id="semicolons"),
        pytest.param("0\t0.2\t0.4\t0.2\t0.2", id="tabs"),
        pytest.param("0 0,2 0,4 0,2 0,2", id="decimal commas"),
        pytest.param("0;0,2;0,4;0,2;0,2", id="decimal commas and semicolons"),
        pytest.param('"0" "0.2" "0.4" "0.2" "0.2"', id="quotes"),
        pytest.param("0.0 0.2 0.4 0.2 0.2", id="the class as a fraction"),
        pytest.param("ship 0.2 0.4 0.2 0.2", id="the class by name"),
        pytest.param("SHIP,0.2,0.4,0.2,0.2", id="the class in capitals"),
        pytest.param(f"class x y w h\n{LINE}", id="a heading"),
        pytest.param(f"{LINE} 0.91", id="a score at the end"),
        pytest.param("0 0.91 0.2 0.4 0.2 0.2", id="a score before the box"),
        pytest.param(f"{LINE} 0.91 17", id="a score and a track"),
        pytest.param(f"{LINE} 0.91 1", id="a score and the first track"),
        pytest.param(f"{LINE} 0.15 0.35 2 0.25 0.35 1", id="keypoints"),
        pytest.param(f"{LINE} 0.15 0.35 2 0 0 0 0.2 0.4 1", id="an odd number of keypoints"),
        pytest.param("0 2e-1 4e-1 2e-1 2e-1", id="exponents"),
        pytest.param("0 0.1 0.3 0.3 0.3 0.3 0.5", id="an outline"),
        pytest.param("0 0.1 0.3 0.3 0.3 0.3 0.5 0.1 0.5", id="four corners"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_what_can_be_read_is_read(bay, content, encoding):
    (bay / "labels" / "a.txt").write_bytes(content.encode(encoding))
    reading = read("yolo", path=bay)
    assert reading.boxes()[0] == pytest.approx(CORNERS)
    assert reading.labels() == ("ship",)
    assert reading.lost == (0, 0)


def test_a_class_name_may_have_several_words(bay):
    write_yolo(bay / "labels" / "a.txt", "tug boat 0.2 0.4 0.2 0.2")
    assert read("yolo", path=bay).labels() == ("tug boat",)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        pytest.param("yacht 0.2 0.4 0.2 0.2", UNKNOWN_CLASS, id="unknown name"),
        pytest.param("7 0.2 0.4 0.2 0.2", UNKNOWN_CLASS, id="unknown number"),
        pytest.param("20 30 60 30 60 50 20 50 0 ship", UNREADABLE_LABEL, id="corners in pixels"),
        pytest.param("0 40 40 40 20", UNREADABLE_LABEL, id="pixels"),
        pytest.param("0 1e999 0.4 0.2 0.2", UNREADABLE_LABEL, id="infinite"),
        pytest.param(f"0 {'9' * 500} 0.4 0.2 0.2", UNREADABLE_LABEL, id="500 digits"),
        pytest.param("{}", UNREADABLE_LABEL, id="JSON"),
        pytest.param("<annotation/>", UNREADABLE_LABEL, id="XML"),
        pytest.param("class x y w h", UNREADABLE_LABEL, id="a heading alone"),
    ],
)
def test_an_image_whose_labels_are_all_lost_is_not_taken_as_empty(bay, content, kind):
    write_yolo(bay / "labels" / "a.txt", content)
    reading = read("yolo", path=bay)
    assert reading.kinds == {kind: 1}
    assert reading.lost == (1, 1)
    assert usable_labels(reading.scenes[0], 200, 100)[0] is None


@pytest.mark.parametrize("values", [3, 2])
def test_the_keypoints_of_a_pose_are_no_outline(bay, values):
    point = ["0.9", "0.9", "2"][:values]
    write_yolo(bay / "labels" / "a.txt", f"{LINE} {' '.join(point * 4)}")
    write_yolo(bay / "data.yaml", "names: [ship]", f"kpt_shape: [4, {values}]")
    assert read("yolo", path=bay).boxes()[0] == pytest.approx(CORNERS)


def test_scores_are_told_once(bay):
    write_yolo(bay / "labels" / "a.txt", f"{LINE} 0.9", "0 0.5 0.5 0.2 0.2 0.8")
    assert read("yolo", path=bay).kinds == {SCORES: 1}


@pytest.mark.parametrize(
    ("file", "content"),
    [
        pytest.param("classes.txt", "ship\ncar\n", id="Label Studio, LabelImg"),
        pytest.param("labels/classes.txt", "ship\ncar\n", id="beside the labels"),
        pytest.param("obj.names", "ship\ncar\n", id="CVAT, FiftyOne"),
        pytest.param("train/_darknet.labels", "ship\ncar\n", id="Roboflow's darknet"),
        pytest.param(
            "notes.json", json.dumps({"categories": [{"id": 0, "name": "ship"}]}), id="notes.json"
        ),
    ],
)
def test_class_names_come_from_the_files_of_other_tools(bay, file, content):
    (bay / "data.yaml").unlink()
    write_yolo(bay / file, content)
    reading = read("yolo", path=bay)
    assert reading.labels() == ("ship",)
    assert len(reading.report) == 0


def test_two_files_of_names_are_told_or_refused(bay):
    write_yolo(bay / "old.yaml", "names: [boat]")
    assert read("yolo", path=bay).kinds == {SEVERAL_LISTS: 1}
    (bay / "data.yaml").rename(bay / "new.yaml")
    with pytest.raises(SourceError, match="Choose a `data_yaml`"):
        open_kind("yolo", path=bay)
    assert read("yolo", path=bay, data_yaml="new.yaml").labels() == ("ship",)


def test_another_yaml_that_is_broken_is_told(bay):
    write_yolo(bay / "a.yaml", "names: [")
    write_yolo(bay / "docker-compose.yml", "services: {}")
    reading = read("yolo", path=bay)
    assert reading.labels() == ("ship",)
    assert reading.kinds == {UNREADABLE_LABEL: 1}


@pytest.mark.parametrize(
    ("splits", "lines"),
    [
        pytest.param("train: train.txt", "./images/a.png", id="relative"),
        pytest.param("train: train.txt", "images\\a.png", id="backslashes"),
        pytest.param("train: train.txt", "/home/other/set/images/a.png", id="another machine"),
        pytest.param("path: ../gone\ntrain: train.txt", "images/a.png", id="a path elsewhere"),
        pytest.param("train: [train.txt]\nval: train.txt", "images/a.png", id="a list of lists"),
        pytest.param("test: /content/set/train.txt", "images/a.png", id="an absolute list"),
    ],
)
def test_only_the_images_in_the_lists_are_read(bay, splits, lines):
    write_image(bay / "images" / "rejected.png")
    write_yolo(bay / "labels" / "rejected.txt", LINE)
    write_yolo(bay / "train.txt", lines)
    write_yolo(bay / "data.yaml", f"names: [ship]\n{splits}")
    reading = read("yolo", path=bay, name="n")
    assert reading.ids == ["n/images/a.png"]
    assert reading.kinds == {NOT_IN_LISTS: 1}


def test_listed_images_that_are_missing_are_set_aside(bay):
    write_yolo(bay / "train.txt", "images/a.png", "images/gone.png")
    write_yolo(bay / "data.yaml", "names: [ship]\ntrain: train.txt")
    reading = read("yolo", path=bay)
    assert len(reading.scenes) == 1
    assert reading.set_aside == [MISSING_IMAGE]


def test_lists_of_another_machine_do_not_empty_a_source(bay):
    write_yolo(bay / "train.txt", "frames/0001.png")
    write_yolo(bay / "data.yaml", "names: [ship]\ntrain: train.txt")
    reading = read("yolo", path=bay)
    assert len(reading.scenes) == 1
    assert reading.kinds == {MISSING_IMAGE: 1}


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(("images/a.png", "labels/a.txt", "classes.txt"), id="Label Studio"),
        pytest.param(("obj_train_data/a.png", "obj_train_data/a.txt", "obj.names"), id="CVAT 1.1"),
        pytest.param(("data/a.png", "data/a.txt", "obj.names"), id="FiftyOne's YOLOv4"),
        pytest.param(("images/val/a.png", "labels/val/a.txt", "dataset.yaml"), id="YOLOv5"),
        pytest.param(("valid/images/a.png", "valid/labels/a.txt", "data.yaml"), id="Roboflow"),
        pytest.param(("JPEGImages/a.png", "labels/a.txt", "data.yaml"), id="darknet beside VOC"),
        pytest.param(("img/deep/a.png", "annotations/a.txt", "data.yaml"), id="no layout at all"),
    ],
)
def test_the_exports_of_tools_come_back(tmp_path, files):
    image, label, names = files
    write_image(tmp_path / image, 200, 100)
    write_yolo(tmp_path / label, LINE)
    write_yolo(tmp_path / names, "names: [ship]" if names.endswith("yaml") else "ship")
    if names == "obj.names":
        write_yolo(tmp_path / "train.txt", f"data/{image}")
        write_yolo(
            tmp_path / "obj.data", "classes = 1\nnames = data/obj.names\ntrain = data/train.txt"
        )
    reading = read("yolo", path=tmp_path, name="n")
    assert reading.ids == [f"n/{image}"]
    assert reading.boxes()[0] == pytest.approx(CORNERS)
    assert reading.lost == (0, 0)


def test_a_label_that_two_images_share_is_told(bay):
    write_image(bay / "images" / "a.jpg", 200, 100)
    reading = read("yolo", path=bay)
    assert [len(scene.shapes) for scene in reading.scenes] == [1, 1]
    assert reading.kinds == {SHARED_LABEL: 1}


def test_a_folder_without_any_label_is_unlabelled_not_empty(bay):
    write_image(bay / "images" / "b.png")
    write_image(bay / "test" / "images" / "c.png")
    reading = read("yolo", path=bay)
    assert empty(reading.scenes[1].shapes)
    assert reading.scenes[2].shapes is None
    assert reading.kinds == {NO_LABEL: 2}


def test_the_boxes_of_a_label_file_without_image_are_lost(bay):
    write_yolo(bay / "labels" / "gone.txt", LINE, "0 0.5 0.5 0.1 0.1")
    reading = read("yolo", path=bay)
    assert reading.kinds == {NO_IMAGE: 1}
    assert reading.report.labels_lost() == 2
