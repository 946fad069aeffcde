"""Tasks of Label Studio with several images, other regions, and values of any type."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.builders import write_image
from tests.unit.scenes.reading import Reading, empty, read
from utils.labels.label_studio_json import NOT_REVIEWED, SEVERAL_IMAGES
from utils.labels.objects import NO_AREA, UNREADABLE_LABEL
from utils.shapes.shapes import ShapeKind

VALUE = {"x": 10, "y": 30, "width": 20, "height": 20, "rectanglelabels": ["ship"]}
HULL = [20.0, 30.0, 60.0, 50.0]  # of an image of 200 x 100 pixels
URLS = {"image1": "/data/upload/1/01234567-a.png", "image2": "/data/upload/1/89abcdef-b.png"}


def region(tag: str = "image", **fields: Any) -> dict[str, Any]:
    size = {"original_width": 200, "original_height": 100}
    return {"type": "rectanglelabels", "value": VALUE, "to_name": tag, **size, **fields}


def read_task(
    folder: Path, data: dict[str, Any], result: object, shapes: ShapeKind | None = None
) -> Reading:
    for name in "ab":
        write_image(folder / f"{name}.png", 200, 100)
    task = {"id": 1, "data": data, "annotations": [{"result": result}]}
    (folder / "project.json").write_text(json.dumps([task]))
    return read("coco", shapes, path=folder)


@pytest.mark.parametrize(
    ("data", "on_a", "on_b"),
    [
        pytest.param(URLS, {"tag": "img1"}, {"tag": "img2"}, id="tags and fields with numbers"),
        pytest.param(
            {"left": URLS["image1"], "right": URLS["image2"]},
            {"tag": "left"},
            {"tag": "right"},
            id="tags named like their fields",
        ),
        pytest.param(
            {"pages": list(URLS.values())}, {"item_index": 0}, {"item_index": 1}, id="a list"
        ),
    ],
)
def test_each_region_belongs_to_the_image_that_it_was_drawn_on(tmp_path, data, on_a, on_b):
    other = {**VALUE, "rectanglelabels": ["car"]}
    note = {"type": "choices", "to_name": "text", "value": {"choices": ["fine"]}}
    reading = read_task(tmp_path, data, [region(**on_a), region(**on_b, value=other), note])
    assert [reading.labels(0), reading.labels(1)] == [("ship",), ("car",)]
    assert reading.boxes(0) == reading.boxes(1) == [HULL]
    reading = read_task(tmp_path, data, [region(**on_b)])
    assert empty(reading.scenes[0].shapes)
    assert reading.labels(1) == ("ship",)


def test_regions_that_do_not_say_their_image_are_lost_and_their_images_unlabelled(tmp_path):
    data = {"before": URLS["image1"], "after": URLS["image2"]}
    reading = read_task(tmp_path, data, [region("x"), region("y")])
    assert [scene.shapes for scene in reading.scenes] == [None, None]
    assert reading.kinds[SEVERAL_IMAGES] == 1
    assert reading.lost == (0, 2)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param({"text": "Version 1.0", "img": "http://h/a.png"}, id="a text with a point"),
        pytest.param({"image": "http://h/a.png", "thumb": "http://h/b.png"}, id="a thumbnail"),
        pytest.param({"image": "https://s/a.png?X-Amz-Credential=A%2Fus&x=1"}, id="signed"),
        pytest.param({"image": "/data/local-files/?d=in/a.png"}, id="local file"),
    ],
)
def test_the_image_of_a_task_is_found_among_its_fields(tmp_path, data):
    reading = read_task(tmp_path, data, [region("img")])
    assert reading.labels() == ("ship",)
    assert reading.ids[0].endswith("/a.png")


def test_a_task_with_regions_and_no_image_counts_them_as_lost(tmp_path):
    content = [{"data": {"text": "x"}, "annotations": [{"result": [region()]}]}]
    (tmp_path / "more.json").write_text(json.dumps(content))
    reading = read_task(tmp_path, {"image": "a.png"}, [region()])
    assert reading.kinds[NOT_REVIEWED] == 1
    assert reading.lost == (0, 1)


@pytest.mark.parametrize(
    ("result", "lost"),
    [
        pytest.param({"a": 1}, 1, id="a mapping"),
        pytest.param(None, 1, id="null"),
        pytest.param([None, 5, "x"], 3, id="entries of other types"),
        pytest.param([{"type": "choices", "value": {"choices": 5}}], 1, id="choices"),
        pytest.param([{"type": "choices", "value": []}], 1, id="a value"),
        pytest.param([region(type="newregion", value={"foo": 1})], 1, id="an unknown region"),
        pytest.param([region(item_index=[1], id={})], 0, id="ids that are none"),
    ],
)
def test_a_result_of_another_type_is_lost_and_its_image_not_empty(tmp_path, result, lost):
    reading = read_task(tmp_path, {"image": "a.png"}, result)
    assert reading.lost == (lost, lost)
    assert reading.kinds.get(UNREADABLE_LABEL, 0) == (1 if lost else 0)


def test_a_task_that_is_none_does_not_hide_the_others(tmp_path):
    read_task(tmp_path, {"image": "a.png"}, [region()])
    tasks = json.loads((tmp_path / "project.json").read_text())
    (tmp_path / "project.json").write_text(json.dumps([None, *tasks, {"annotations": 5}]))
    reading = read("coco", None, path=tmp_path)
    assert reading.labels() == ("ship",)
    assert reading.kinds[NOT_REVIEWED] == 2


def test_an_image_with_keypoints_alone_is_unlabelled(tmp_path):
    point = region(type="keypointlabels", value={"x": 1, "y": 1, "keypointlabels": ["bow"]})
    reading = read_task(tmp_path, {"image": "a.png"}, [point])
    assert reading.scenes[0].shapes is None
    assert reading.kinds[NO_AREA] == 1
    assert read_task(tmp_path, {"image": "a.png"}, [point, region()]).boxes() == [HULL]


def test_labels_of_a_time_are_remarks(tmp_path):
    time = {"type": "timelinelabels", "value": {"timelinelabels": ["x"], "start": 1}}
    reading = read_task(tmp_path, {"image": "a.png"}, [region(), time])
    assert reading.boxes() == [HULL]
    assert reading.lost == (0, 0)


def test_a_path_is_an_outline_where_it_is_closed(tmp_path):
    corners = [{"x": x, "y": y} for x, y in ((10, 30), (30, 30), (30, 50))]
    for closed, kind in ((True, ShapeKind.SEGMENT), (False, ShapeKind.DETECT)):
        value = {"vertices": corners, "closed": closed, "vectorlabels": ["ship"]}
        drawn = region(type="vectorlabels", value=value)
        reading = read_task(tmp_path, {"image": "a.png"}, [drawn])
        assert reading.boxes() == [HULL]
        assert reading.scenes[0].shapes.kind == kind  # type: ignore[union-attr]


def test_regions_drawn_on_an_image_of_two_sizes_are_shares_of_each(tmp_path):
    large = region(original_width=400, original_height=200)
    reading = read_task(tmp_path, {"image": "a.png"}, [region(), large], ShapeKind.DETECT)
    assert reading.boxes() == [HULL, HULL]
