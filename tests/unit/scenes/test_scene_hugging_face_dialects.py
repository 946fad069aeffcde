"""Hugging Face datasets as people really write them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import datasets
import pytest
from datasets import List, Value
from PIL import Image

from tests.builders import write_image
from tests.unit.scenes.reading import open_kind, read
from utils.errors import ConfigurationError, SourceError
from utils.scenes.frames import IN_SHARES
from utils.scenes.hugging_face import UNREADABLE_ROW

CORNERS = [20.0, 30.0, 60.0, 50.0]  # of an image of 200 x 100 pixels
BOXES = List(List(Value("float32")))
NAMES = datasets.ClassLabel(names=["ship", "tug"])


def png(shade: int = 0) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (200, 100), (shade, 0, 0)).save(stream, "png")
    return stream.getvalue()


def image(shade: int = 0) -> dict[str, Any]:
    return {"bytes": png(shade), "path": None}


def write(folder: Path, features: dict[str, Any], *rows: dict[str, Any]) -> str:
    content = datasets.Dataset.from_list(list(rows), features=datasets.Features(features))
    folder.mkdir(parents=True, exist_ok=True)
    content.to_parquet(folder / "train-00000-of-00001.parquet")
    return str(folder)


def objects(folder: Path, boxes: Any, categories: Any, kind: Any, box_kind: Any = BOXES) -> str:
    """A dataset of one row with boxes and their classes."""
    features = {"image": datasets.Image(), "objects": {"bbox": box_kind, "categories": List(kind)}}
    return write(
        folder, features, {"image": image(), "objects": {"bbox": boxes, "categories": categories}}
    )


@pytest.mark.parametrize(
    ("box", "box_format"),
    [
        pytest.param([20, 30, 60, 50], "xyxy", id="corners"),
        pytest.param([30, 20, 50, 60], "yxyx", id="corners, rows first"),
        pytest.param([20, 30, 40, 20], "xywh", id="width and height"),
        pytest.param([40, 40, 40, 20], "cxcywh", id="from the centre"),
        pytest.param([0.1, 0.3, 0.3, 0.5], "xyxy", id="shares"),
        pytest.param([0.2, 0.4, 0.2, 0.2], "cxcywh", id="shares as YOLO has them"),
    ],
)
def test_boxes_may_have_any_form(tmp_path, box, box_format):
    folder = objects(tmp_path, [box], [0], NAMES)
    reading = read("hugging_face", dataset=folder, box_format=box_format)
    assert reading.boxes()[0] == pytest.approx(CORNERS, abs=1e-4)
    assert reading.kinds == ({IN_SHARES: 1} if max(box) <= 1 else {})


@pytest.mark.parametrize(
    ("categories", "kind", "classes"),
    [
        pytest.param([0], NAMES, [], id="named numbers"),
        pytest.param(["ship"], Value("string"), [], id="text"),
        pytest.param(["ship"], Value("string"), ["tug", "ship"], id="text in an order"),
        pytest.param([1], Value("int64"), ["tug", "ship"], id="numbers"),
        pytest.param([1.0], Value("float32"), ["tug", "ship"], id="fractions"),
        pytest.param(["1"], Value("string"), ["tug", "ship"], id="numbers as text"),
        pytest.param([True], Value("bool"), ["tug", "ship"], id="yes and no"),
    ],
)
def test_classes_may_have_any_form(tmp_path, categories, kind, classes):
    folder = objects(tmp_path, [CORNERS], categories, kind)
    reading = read("hugging_face", dataset=folder, classes=classes)
    assert reading.labels() == ("ship",)
    assert reading.lost == (0, 0)


@pytest.mark.parametrize(
    ("categories", "kind"),
    [
        pytest.param([2], Value("int64"), id="a number too many"),
        pytest.param([0.5], Value("float32"), id="half a class"),
        pytest.param([float("nan")], Value("float32"), id="NaN"),
        pytest.param([None], Value("string"), id="none"),
        pytest.param([" "], Value("string"), id="blank"),
    ],
)
def test_a_class_without_a_name_loses_its_box(tmp_path, categories, kind):
    folder = objects(tmp_path, [CORNERS], categories, kind)
    reading = read("hugging_face", dataset=folder, classes=["ship", "tug"])
    assert reading.boxes() == []
    assert reading.lost == (1, 1)


@pytest.mark.parametrize("kind", [Value("int64"), Value("float64")])
def test_numbers_that_nobody_names_are_refused_with_the_remedy(tmp_path, kind):
    folder = objects(tmp_path, [CORNERS], [0], kind)
    with pytest.raises(ConfigurationError, match="in `classes`"):
        open_kind("hugging_face", dataset=folder)


@pytest.mark.parametrize(
    ("feature", "value"),
    [
        pytest.param({"bytes": Value("binary"), "path": Value("string")}, image(), id="a record"),
        pytest.param(Value("binary"), png(), id="bytes"),
        pytest.param(Value("string"), "pictures/a.png", id="a path"),
    ],
)
def test_images_need_not_be_declared(tmp_path, feature, value):
    write_image(tmp_path / "set" / "pictures" / "a.png", 200, 100)
    features = {"image": feature, "boxes": BOXES, "classes": List(NAMES)}
    row = {"image": value, "boxes": [CORNERS], "classes": [0]}
    folder = write(tmp_path / "set" / "data", features, row)
    columns = {"boxes_column": "boxes", "categories_column": "classes"}
    dataset = str(Path(folder).parent)
    assert read("hugging_face", dataset=dataset, **columns).boxes() == [CORNERS]


@pytest.mark.parametrize("path", ["/etc/passwd", "../outside.png", "http://127.0.0.1:9/a.png", ""])
def test_a_path_in_a_dataset_does_not_lead_out_of_it(tmp_path, path):
    write_image(tmp_path / "outside.png")
    features = {"image": Value("string"), "boxes": BOXES, "classes": List(NAMES)}
    row = {"image": path, "boxes": [CORNERS], "classes": [0]}
    folder = write(tmp_path / "set", features, row)
    columns = {"boxes_column": "boxes", "categories_column": "classes"}
    assert read("hugging_face", dataset=folder, **columns).set_aside == [UNREADABLE_ROW]


def test_rows_of_one_box_each_are_joined_by_image(tmp_path):
    features = {"image": datasets.Image(), "bbox": List(Value("float32")), "label": NAMES}
    rows = [
        {"image": image(1), "bbox": CORNERS, "label": 0},
        {"image": image(1), "bbox": [1, 1, 9, 9], "label": 1},
        {"image": image(2), "bbox": CORNERS, "label": 1},
        {"image": image(1), "bbox": [2, 2, 9, 9], "label": 1},
    ]
    columns = {"boxes_column": "bbox", "categories_column": "label"}
    reading = read("hugging_face", dataset=write(tmp_path, features, *rows), **columns)
    assert [scene.shapes.labels for scene in reading.scenes] == [("ship", "tug"), ("tug",)]
    assert reading.report.labels_lost() == 1  # the row that lies apart from its image's others


def test_a_list_of_records_with_named_corners_is_read(tmp_path):
    corner = Value("int64")
    record = {"box": dict.fromkeys(("xmin", "ymin", "xmax", "ymax"), corner), "label": NAMES}
    features = {"image": datasets.Image(), "objects": List(record)}
    found = {"box": {"xmin": 20, "ymin": 30, "xmax": 60, "ymax": 50}, "label": 1}
    folder = write(tmp_path, features, {"image": image(), "objects": [found]})
    columns = {"boxes_column": "objects.box", "categories_column": "objects.label"}
    reading = read("hugging_face", dataset=folder, **columns)
    assert reading.boxes() == [CORNERS]
    assert reading.labels() == ("tug",)


def test_the_size_that_a_row_states_is_compared_with_its_image(tmp_path):
    size = {"width": Value("int64"), "height": Value("int64")}
    features = {"image": datasets.Image(), **size, "boxes": BOXES, "classes": List(NAMES)}
    row = {"image": image(), "width": 400, "height": 200, "boxes": [[40, 60, 120, 100]]}
    folder = write(tmp_path, features, row | {"classes": [0]})
    columns = {"boxes_column": "boxes", "categories_column": "classes"}
    assert read("hugging_face", dataset=folder, **columns).boxes() == [CORNERS]


def test_text_in_place_of_boxes_is_refused_at_the_schema(tmp_path):
    folder = objects(tmp_path, ["[1, 2, 3, 4]"], [0], NAMES, List(Value("string")))
    with pytest.raises(SourceError, match="holds no boxes"):
        open_kind("hugging_face", dataset=folder)


@pytest.fixture
def two_configurations(tmp_path: Path) -> str:
    for name, shade in (("full", 1), ("mini", 2)):
        features = {
            "image": datasets.Image(),
            "objects": {"bbox": BOXES, "categories": List(NAMES)},
        }
        row = {
            "image": image(shade),
            "objects": {"bbox": [CORNERS] * shade, "categories": [0] * shade},
        }
        write(tmp_path / "set" / name, features, row)
    card = "".join(f"- config_name: {n}\n  data_files: {n}/*.parquet\n" for n in ("full", "mini"))
    (tmp_path / "set" / "README.md").write_text(f"---\nconfigs:\n{card}---\n")
    return str(tmp_path / "set")


def test_a_configuration_can_be_named(two_configurations):
    reading = read("hugging_face", dataset=two_configurations, config_name="mini")
    assert len(reading.boxes()) == 2


@pytest.mark.parametrize("options", [{}, {"config_name": "mni"}])
def test_a_configuration_must_be_named_where_there_are_several(two_configurations, options):
    with pytest.raises(SourceError, match="`config_name` to one of: full, mini"):
        open_kind("hugging_face", dataset=two_configurations, **options)
