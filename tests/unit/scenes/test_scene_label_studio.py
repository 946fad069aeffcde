"""Label Studio's own JSON as a source."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from label_studio_sdk.converter.brush import encode_rle

from tests.builders import write_image
from tests.unit.scenes.reading import Reading, empty, read
from utils.labels.label_studio_json import NO_PLACE, NOT_REVIEWED
from utils.labels.objects import UNKNOWN_CLASS, UNREADABLE_LABEL
from utils.scenes.usable import usable_labels
from utils.shapes.shapes import ShapeKind

CORNERS = [20.0, 30.0, 60.0, 50.0]  # of an image of 200 x 100 pixels
BOX = {"x": 10, "y": 30, "width": 20, "height": 20, "rectanglelabels": ["ship"]}


_PAINTED = np.zeros((100, 200), np.uint8)
_PAINTED[30:50, 20:60] = 255
BRUSH = encode_rle(np.repeat(_PAINTED.ravel(), 4))


def region(kind: str = "rectanglelabels", **value: Any) -> dict[str, Any]:
    size = {"original_width": 200, "original_height": 100, "image_rotation": 0}
    return {"type": kind, "value": value or BOX, **size}


def annotation(*regions: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"result": list(regions), "was_cancelled": False, **fields}


def read_tasks(folder: Path, *annotations: dict[str, Any]) -> Reading:
    """Read one task on `a.png`, which has been uploaded, with these annotations."""
    return read_images(folder, {"a": annotations})


def read_images(
    folder: Path,
    annotations: Mapping[str, Sequence[dict[str, Any]]],
    shapes: ShapeKind | None = ShapeKind.DETECT,
) -> Reading:
    """Read a task for each image, whose name is a letter, with its annotations."""
    tasks = []
    for number, (name, made) in enumerate(annotations.items(), start=4):
        write_image(folder / f"1a2b3c4d-{name}.png", 200, 100)
        data = {"tile": 7, "image": f"/data/upload/1/1a2b3c4d-{name}.png"}
        tasks.append({"id": number, "annotations": list(made), "data": data})
    (folder / "project-1.json").write_text(json.dumps(tasks))
    return read("coco", shapes, path=folder)


@pytest.mark.parametrize(
    "drawn",
    [
        pytest.param(region(), id="a box"),
        pytest.param(
            region(x=30, y=30, width=10, height=40, rotation=90, rectanglelabels=["ship"]),
            id="a box turned about its corner",
        ),
        pytest.param(
            region("polygonlabels", points=[[10, 30], [30, 30], [30, 50]], polygonlabels=["ship"]),
            id="an outline",
        ),
        pytest.param(
            region("ellipselabels", x=20, y=40, radiusX=10, radiusY=10, ellipselabels=["ship"]),
            id="an ellipse",
        ),
        pytest.param(region(**(BOX | {"rectanglelabels": [" ship "]})), id="spaces in the name"),
        pytest.param(
            region(
                "vectorlabels",
                vertices=[{"x": 10, "y": 30}, {"x": 30, "y": 50}],
                vectorlabels=["ship"],
            ),
            id="a path",
        ),
        pytest.param(
            region("brushlabels", format="rle", rle=BRUSH, brushlabels=["ship"]), id="a brush"
        ),
        pytest.param(
            region("labels", x=10, y=30, width=20, height=20, labels=["ship"]), id="plain labels"
        ),
    ],
)
def test_what_people_drew_comes_back_in_pixels(tmp_path, drawn):
    reading = read_tasks(tmp_path, annotation(drawn))
    assert reading.boxes()[0] == pytest.approx(CORNERS)
    assert reading.labels() == reading.source.class_names == ("ship",)
    assert reading.lost == (0, 0)


@pytest.mark.parametrize(
    ("drawn", "kind"),
    [
        pytest.param(
            region("brushlabels", rle=[1], brushlabels=["a"]), UNREADABLE_LABEL, id="brush"
        ),
        pytest.param(region() | {"original_width": None}, UNREADABLE_LABEL, id="no size"),
        pytest.param(region() | {"value": 5}, UNREADABLE_LABEL, id="no value"),
        pytest.param(region(**(BOX | {"rectanglelabels": []})), UNKNOWN_CLASS, id="no label"),
        pytest.param(region(**(BOX | {"rectanglelabels": [None]})), UNKNOWN_CLASS, id="null"),
    ],
)
def test_a_region_that_cannot_be_read_makes_no_empty_image(tmp_path, drawn, kind):
    reading = read_tasks(tmp_path, annotation(drawn))
    assert kind in reading.kinds
    assert reading.lost == (1, 1)
    assert usable_labels(reading.scenes[0], 200, 100)[0] is None


def test_a_view_that_was_turned_changes_no_coordinates(tmp_path):
    # As in test_annotation_regions: Label Studio stores places in the unturned image.
    turned = read_tasks(tmp_path / "turned", annotation(region() | {"image_rotation": 90}))
    assert turned.boxes() == read_tasks(tmp_path / "upright", annotation(region())).boxes()


def test_a_task_that_was_reviewed_without_a_region_is_empty(tmp_path):
    assert empty(read_tasks(tmp_path, annotation()).scenes[0].shapes)
    assert NO_PLACE not in read_tasks(tmp_path, annotation()).kinds


def test_a_choice_beside_regions_of_other_tasks_is_a_remark_and_its_image_empty(tmp_path):
    choice = annotation(region("choices", choices=["day"]))
    reading = read_images(tmp_path, {"a": [choice], "b": [annotation(region())]})
    assert empty(reading.scenes[0].shapes)
    assert reading.boxes(1) == [CORNERS]
    assert reading.kinds[NO_PLACE] == 1


def test_choices_are_the_classes_of_images_where_no_task_has_a_region(tmp_path):
    day, night, both = (
        annotation(*(region("choices", choices=[name]) for name in names))
        for names in (["day"], ["night"], ["day", "night"])
    )
    tasks = {"a": [day], "b": [night], "c": [annotation()], "d": [both]}
    reading = read_images(tmp_path, tasks, ShapeKind.CLASSIFY)
    assert reading.source.class_names == ("day", "night")
    assert reading.labels(0) == ("day",)
    assert reading.labels(1) == ("night",)
    assert [scene.shapes for scene in reading.scenes[2:]] == [None, None]  # of no class, or two
    assert NO_PLACE not in reading.kinds


def test_entries_of_one_region_are_read_as_one(tmp_path):
    place = {key: value for key, value in BOX.items() if key != "rectanglelabels"}
    box, name = region("rectangle", **place), region("labels", labels=["ship"])
    note = region("number", number=3)
    size = region("choices", choices=["large"])
    entries = [entry | {"id": "r1"} for entry in (box, name, note, size)]
    reading = read_tasks(tmp_path, annotation(*entries))
    assert reading.boxes() == [CORNERS]
    assert reading.labels() == ("ship",)
    assert reading.lost == (0, 0)


def test_the_ground_truth_goes_before_later_annotations(tmp_path):
    other = region(**(BOX | {"rectanglelabels": ["tug"]}))
    truth = annotation(region(), ground_truth=True)
    assert read_tasks(tmp_path, truth, annotation(other)).labels() == ("ship",)
    assert read_tasks(tmp_path, annotation(region()), annotation(other)).labels() == ("tug",)


def test_a_task_that_nobody_annotated_is_left_out_and_told(tmp_path):
    write_image(tmp_path / "b.png")
    reviewed = {"id": 5, "annotations": [annotation(region())], "data": {"image": "b.png"}}
    skipped = {"id": 6, "annotations": [annotation(was_cancelled=True)], "data": {"image": "c.png"}}
    (tmp_path / "project-1.json").write_text(json.dumps([reviewed, skipped]))
    reading = read("coco", path=tmp_path, name="n")
    assert reading.ids == ["n/b.png"]
    assert reading.kinds[NOT_REVIEWED] == 1
