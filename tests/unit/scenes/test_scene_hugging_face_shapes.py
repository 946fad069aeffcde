"""Outlines and classes of whole images in Hugging Face datasets."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from faster_coco_eval import mask as coco_mask
from PIL import Image

from tests.unit.scenes.reading import open_kind, read
from utils.errors import ConfigurationError, SourceError
from utils.labels.objects import UNKNOWN_CLASS
from utils.scenes.frames import OTHER_SIZE
from utils.shapes.shapes import ShapeKind, Shapes

POLYGON = [[1.0, 1.0, 9.0, 1.0, 9.0, 7.0]]


def png(seed: int) -> dict[str, Any]:
    pixels = np.random.default_rng(seed).integers(0, 255, (8, 12, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, "png")
    return {"bytes": stream.getvalue(), "path": f"{seed}.png"}


def parquet(folder: Path, **columns: Any) -> Path:
    """A dataset of as many images as the columns, each a feature and its values, have values."""
    folder.mkdir()
    count = len(next(iter(columns.values()))[1])
    features = {name: feature for name, (feature, _) in columns.items()}
    values = {name: found for name, (_, found) in columns.items()}
    datasets.Dataset.from_dict(
        {"image": [png(seed) for seed in range(count)], **values},
        features=datasets.Features({"image": datasets.Image(), **features}),
    ).to_parquet(folder / "train.parquet")
    return folder


def test_a_class_label_is_the_class_of_its_image(tmp_path):
    feature = datasets.ClassLabel(names=["cat", "dog"])
    root = parquet(tmp_path / "pets", label=(feature, [1, 0, None]))
    reading = read("hugging_face", None, dataset=str(root), class_column="label")
    assert reading.scenes[0].shapes == Shapes.of_image(12, 8, "dog")
    assert reading.labels(1) == ("cat",)
    assert reading.scenes[2].shapes is None
    assert reading.source.class_names == ("cat", "dog")


def test_a_number_without_a_name_is_told_and_its_image_unlabelled(tmp_path):
    root = parquet(tmp_path / "pets", label=(datasets.Value("int64"), [0, 7]))
    reading = read("hugging_face", None, dataset=str(root), class_column="label", classes=["cat"])
    assert [scene.shapes is None for scene in reading.scenes] == [False, True]
    assert reading.kinds == {UNKNOWN_CLASS: 1}


def test_a_dataset_of_classes_names_the_option(tmp_path):
    feature = datasets.ClassLabel(names=["cat", "dog"])
    root = parquet(tmp_path / "pets", label=(feature, [1]))
    with pytest.raises(SourceError, match="set `class_column` to label"):
        open_kind("hugging_face", dataset=str(root))


def objects(**extra: Any) -> tuple[Any, list[Any]]:
    names = datasets.List(datasets.ClassLabel(names=["ship"]))
    number = datasets.Value("float64")
    features = {
        "categories": names,
        "bbox": datasets.List(datasets.List(number)),
        "segmentation": datasets.List(datasets.List(datasets.List(number))),
    }
    values = {"categories": [0], **extra}
    return {name: features[name] for name in values}, [values]


@pytest.mark.parametrize(
    ("values", "options"),
    [
        pytest.param({"bbox": [[1, 1, 9, 7]]}, {}, id="beside boxes"),
        pytest.param({}, {"boxes_column": None}, id="alone"),
    ],
)
def test_polygons_are_outlines(tmp_path, values, options):
    root = parquet(tmp_path / "port", objects=objects(segmentation=[POLYGON], **values))
    reading = read(
        "hugging_face",
        None,
        dataset=str(root),
        outlines_column="objects.segmentation",
        **options,
    )
    shapes = reading.scenes[0].shapes
    assert shapes is not None
    assert (shapes.kind, shapes.areas.tolist()) == (ShapeKind.SEGMENT, [24])
    assert shapes.xyxy.tolist() == [[1, 1, 9, 7]]


def test_run_length_masks_are_outlines(tmp_path):
    mask = np.zeros((8, 12), dtype=np.uint8)
    mask[2:5, 3:7] = 1
    mask[3, 4] = 0
    encoded = coco_mask.encode(np.asfortranarray(mask))
    row = {"size": list(encoded["size"]), "counts": encoded["counts"].decode()}
    feature = {
        "categories": datasets.List(datasets.ClassLabel(names=["ship"])),
        "segmentation": datasets.List(
            {"size": datasets.List(datasets.Value("int64")), "counts": datasets.Value("string")}
        ),
    }
    root = parquet(
        tmp_path / "port", objects=(feature, [{"categories": [0], "segmentation": [row]}])
    )
    reading = read(
        "hugging_face",
        None,
        dataset=str(root),
        boxes_column=None,
        outlines_column="objects.segmentation",
    )
    shapes = reading.scenes[0].shapes
    assert shapes is not None
    assert shapes.areas.tolist() == [11]


def mask_png(*rows: list[int], name: str | None = None) -> dict[str, Any]:
    stream = io.BytesIO()
    Image.fromarray(np.array(rows, dtype=np.uint8)).save(stream, "png")
    return {"bytes": stream.getvalue(), "path": name}


SHIP_AND_BUOY = np.zeros((8, 12), dtype=np.uint8)
SHIP_AND_BUOY[1:4, 2:8] = 1
SHIP_AND_BUOY[6:8, 10:12] = 2


@pytest.mark.parametrize(
    "feature",
    [
        pytest.param(datasets.Image(), id="declared images"),
        pytest.param(
            {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}, id="bytes"
        ),
    ],
)
def test_a_mask_of_values_is_outlines(tmp_path, feature):
    # The mask of the first row is named like the image of the second.
    masks = [mask_png(*SHIP_AND_BUOY.tolist(), name="1.png"), None]
    root = parquet(tmp_path / "port", mask=(feature, masks))
    reading = read(
        "hugging_face", None, dataset=str(root), mask_column="mask", mapping={1: "ship", 2: "buoy"}
    )
    shapes = reading.scenes[0].shapes
    assert shapes is not None
    assert shapes.kind == ShapeKind.SEGMENT
    assert shapes.labels == ("ship", "buoy")
    assert shapes.xyxy.tolist() == [[2, 1, 8, 4], [10, 6, 12, 8]]
    assert reading.scenes[1].shapes is None
    assert reading.ids == ["port/0.png", "port/1.png"]
    assert reading.source.class_names == ("ship", "buoy")


def test_a_value_without_a_class_and_a_mask_of_another_size_are_told(tmp_path):
    masks = [mask_png(*SHIP_AND_BUOY.tolist()), mask_png([1, 1], [1, 1])]
    root = parquet(tmp_path / "port", mask=(datasets.Image(), masks))
    reading = read("hugging_face", None, dataset=str(root), mask_column="mask", mapping={1: "ship"})
    assert reading.kinds == {UNKNOWN_CLASS: 1, OTHER_SIZE: 1}
    assert reading.scenes[1].shapes is None


def test_a_column_that_holds_no_masks_names_the_option(tmp_path):
    root = parquet(tmp_path / "port", mask=(datasets.Value("int64"), [1]))
    with pytest.raises(SourceError, match="Set `mask_column` to the one that does"):
        open_kind("hugging_face", dataset=str(root), mask_column="mask", mapping={1: "ship"})


def test_masks_without_a_mapping_need_one(tmp_path):
    root = parquet(tmp_path / "port", mask=(datasets.Image(), [None]))
    with pytest.raises(ConfigurationError, match="`mapping` of their values"):
        open_kind("hugging_face", dataset=str(root), mask_column="mask")
