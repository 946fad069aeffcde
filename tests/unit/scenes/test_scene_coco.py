from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.builders import write_image
from tests.unit.scenes.reading import empty, open_kind, read, write_coco
from utils.errors import SourceError
from utils.labels.objects import NO_IMAGE, NO_LABEL, UNKNOWN_CLASS, UNREADABLE_LABEL

IMAGE = '"images": [{"id": 1, "file_name": "a.png"}]'


@pytest.fixture
def port(tmp_path: Path) -> Path:
    write_image(tmp_path / "port" / "a.png")
    write_coco(tmp_path / "port" / "coco.json", {5: "a.png"}, [(5, 7, [1, 2, 10, 20])])
    return tmp_path / "port"


def test_boxes_become_corners_and_ids_may_be_sparse(port):
    reading = read("coco", path=port)
    assert reading.ids == ["port/a.png"]
    assert reading.boxes() == [[1, 2, 11, 22]]
    assert reading.labels() == ("vessel",)
    assert reading.source.class_names == ("vessel",)


def test_the_way_to_the_source_may_lead_up(port, monkeypatch):
    """Also out of a folder that is a link, where `..` is above what it links to."""
    (port.parent / "elsewhere" / "deep").mkdir(parents=True)
    (port.parent / "link").symlink_to(port.parent / "elsewhere" / "deep")
    monkeypatch.chdir(port)
    for way in ("../port", "..", port.parent / "link" / ".." / ".." / "port"):
        reading = read("coco", path=way, name="port")
        assert reading.boxes() == [[1, 2, 11, 22]]
        assert reading.ids in (["port/a.png"], ["port/port/a.png"])
        assert len(reading.report) == 0
    (port.parent / "harbour").symlink_to(port)
    assert read("coco", path="../harbour").ids == ["harbour/a.png"]  # its own name, as without `..`


@pytest.mark.parametrize(
    ("listing", "file_name", "image"),
    [
        pytest.param("coco.json", "b c/[1] é.png", "b c/[1] é.png", id="odd characters"),
        pytest.param("annotations/coco.json", "x.png", "images/x.png", id="images folder"),
        pytest.param("labels.json", "x.png", "images/x.png", id="images beside the JSON"),
        pytest.param("1/coco.json", "x.png", "1/x.png", id="beside the JSON"),
        pytest.param("1/coco.json", "2/x.png", "2/x.png", id="relative to the source"),
        pytest.param(
            "annotations/instances_val2017.json", "x.png", "val2017/x.png", id="COCO's own layout"
        ),
    ],
)
def test_usual_layouts_are_found(tmp_path, listing, file_name, image):
    write_image(tmp_path / image)
    write_coco(tmp_path / listing, {1: file_name}, [(1, 7, [0, 0, 5, 5])])
    reading = read("coco", path=tmp_path, name="n")
    assert reading.ids == [f"n/{image}"]
    assert len(reading.report) == 0


def test_several_files_are_read_as_one_source(tmp_path):
    for folder, label in (("1", "ship"), ("2", "tug")):
        write_image(tmp_path / folder / "a.png")
        categories = {1: label}
        write_coco(
            tmp_path / folder / "coco.json", {1: "a.png"}, [(1, 1, [0, 0, 5, 5])], categories
        )
    reading = read("coco", path=tmp_path, name="n")
    assert reading.ids == ["n/1/a.png", "n/2/a.png"]
    assert (reading.labels(0), reading.labels(1)) == (("ship",), ("tug",))
    assert reading.source.class_names == ("ship", "tug")
    assert reading.source.scene_count == 2


def test_a_named_file_is_read_alone(tmp_path):
    for number in ("1", "2"):
        write_image(tmp_path / f"{number}.png")
        write_coco(tmp_path / f"{number}.json", {1: f"{number}.png"})
    assert read("coco", path=tmp_path, name="n", annotations=["2.json"]).ids == ["n/2.png"]


def test_other_json_files_are_passed_over(port):
    (port / "config.json").write_text(json.dumps({"a": 1}))
    assert len(read("coco", path=port).scenes) == 1


def test_a_listed_image_without_annotations_is_labelled_and_empty(port):
    write_image(port / "b.png")
    write_coco(port / "coco.json", {5: "a.png", 6: "b.png"}, [(5, 7, [0, 0, 5, 5])])
    assert empty(read("coco", path=port).scenes[1].shapes)


@pytest.mark.parametrize(
    ("annotations", "set_aside"),
    [
        pytest.param([(6, 7, [0, 0, 5, 5])], [NO_IMAGE], id="with boxes: they are lost"),
        pytest.param([], [], id="without boxes: nothing is lost"),
    ],
)
def test_a_listed_image_that_is_not_there_is_reported(port, annotations, set_aside):
    write_coco(port / "coco.json", {5: "a.png", 6: "gone.png"}, annotations)
    reading = read("coco", path=port)
    assert reading.ids == ["port/a.png"]
    assert reading.kinds[NO_IMAGE] == 1
    assert reading.set_aside == set_aside


def test_an_image_on_disk_that_is_not_listed_is_reported_and_not_read(port):
    write_image(port / "b.png")
    reading = read("coco", path=port)
    assert reading.ids == ["port/a.png"]
    assert reading.kinds == {NO_LABEL: 1}
    assert "b.png" in reading.report.issues[0].detail


def test_annotations_of_an_image_that_is_not_listed_are_reported(port):
    write_coco(port / "coco.json", {5: "a.png"}, [(9, 7, [0, 0, 5, 5]), (9, 7, [0, 0, 6, 6])])
    reading = read("coco", path=port)
    assert reading.kinds == {NO_IMAGE: 1}
    assert reading.set_aside == []  # they are no scene
    assert "2 annotations" in reading.report.issues[0].detail


def test_a_category_that_is_not_listed_costs_only_its_box(port):
    write_coco(port / "coco.json", {5: "a.png"}, [(5, 8, [0, 0, 5, 5]), (5, 7, [0, 0, 6, 6])])
    reading = read("coco", path=port)
    assert reading.boxes() == [[0, 0, 6, 6]]
    assert reading.kinds == {UNKNOWN_CLASS: 1}


def test_an_image_listed_twice_is_read_once_and_reported(port):
    write_coco(port / "coco.json", {5: "a.png", 6: "a.png"}, [(5, 7, [0, 0, 5, 5])])
    reading = read("coco", path=port)
    assert reading.ids == ["port/a.png"]
    assert reading.kinds == {"image listed twice": 1}


def test_an_image_outside_the_source_is_set_aside(port):
    outside = write_image(port.parent / "outside.png")
    write_coco(port / "coco.json", {5: "a.png", 6: str(outside), 7: "../outside.png"})
    reading = read("coco", path=port)
    assert reading.ids == ["port/a.png"]
    assert reading.kinds["image outside the source"] == 2


@pytest.mark.parametrize(
    "bbox",
    [
        pytest.param([0, 0, "wide", 5], id="text"),
        pytest.param([0, 0, None, 5], id="null"),
        pytest.param([0, 0, 5], id="three numbers"),
        pytest.param("0 0 5 5", id="not a list"),
        pytest.param(None, id="missing"),
        pytest.param([0, 0, float("nan"), 5], id="NaN"),
    ],
)
def test_a_box_that_is_no_box_does_not_stop_the_reading(port, bbox):
    write_coco(port / "coco.json", {5: "a.png"}, [(5, 7, bbox), (5, 7, [0, 0, 5, 5])])
    reading = read("coco", path=port)
    assert reading.boxes() == [[0, 0, 5, 5]]
    assert reading.lost == (1, 1)


def test_entries_that_cannot_be_read_are_reported_and_the_rest_goes_on(port):
    content = json.loads((port / "coco.json").read_text())
    content["images"] += ["a.png", {"id": 6}, {"id": [7], "file_name": "b.png"}]
    content["images"] += [{"id": 5, "file_name": "same-id.png"}]
    content["annotations"] += [1, {"image_id": 5}, {"image_id": [5], "category_id": 7}]
    (port / "coco.json").write_text(json.dumps(content))
    reading = read("coco", path=port)
    assert reading.ids == ["port/a.png"]
    assert reading.boxes() == [[1, 2, 11, 22]]
    assert reading.kinds == {UNREADABLE_LABEL: 7}
    assert reading.set_aside == [UNREADABLE_LABEL] * 4


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param("{", "not readable JSON", id="cut off"),
        pytest.param("[]", "no COCO JSON", id="not COCO's"),
        pytest.param('{"images": []}', "lists no image", id="no images"),
        pytest.param('{"images": [{"id": 1}]}', "lists no image", id="no usable image"),
        pytest.param(f'{{{IMAGE}, "annotations": 5}}', "`annotations` is no list", id="a number"),
        pytest.param(
            f'{{{IMAGE}, "annotations": [{{"image_id": 1}}], "categories": null}}',
            "no entry of `categories` has a name",
            id="no usable category",
        ),
    ],
)
def test_a_json_that_cannot_be_used_is_refused_before_reading(port, content, words):
    (port / "coco.json").write_text(content)
    with pytest.raises(SourceError, match=words):
        open_kind("coco", path=port)


def test_a_named_json_that_is_missing_is_refused(port):
    with pytest.raises(SourceError, match=r"gone\.json"):
        open_kind("coco", path=port, annotations=["gone.json"])
