"""Folders of classes, and tables of images and classes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image
from pydantic import ValidationError

from tests.unit.scenes.reading import Reading, open_kind, read
from utils.errors import SourceError
from utils.labels.objects import NO_IMAGE, NO_LABEL
from utils.scenes.class_folders import EMPTY_CLASS
from utils.scenes.kinds import find_kind
from utils.scenes.one_kind import SEVERAL_CLASSES
from utils.shapes.shapes import ShapeKind, Shapes


def images(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (60, 40)).save(root / name)
    return root


def classes(reading: Reading) -> dict[str, str | None]:
    return {scene.id: scene.shapes.labels[0] if scene.shapes else None for scene in reading.scenes}


@pytest.fixture
def clothes(tmp_path):
    return images(
        tmp_path / "clothes",
        *("train/hat/1.png", "train/t-shirt/2.png", "validation/hat/3.png", "test/t-shirt/4.png"),
    )


def test_the_folder_below_a_split_names_the_class(clothes):
    (clothes / "validation" / "t-shirt").mkdir()
    (clothes / "test" / "hat").mkdir()
    assert find_kind(str(clothes)).kind == "classes"
    reading = read("classes", None, path=clothes)
    assert classes(reading) == {
        "clothes/test/t-shirt/4.png": "t-shirt",
        "clothes/train/hat/1.png": "hat",
        "clothes/train/t-shirt/2.png": "t-shirt",
        "clothes/validation/hat/3.png": "hat",
    }
    assert [scene.split for scene in reading.scenes] == ["test", "train", "train", "val"]
    assert reading.scenes[0].shapes == Shapes.of_image(60, 40, "t-shirt")
    assert reading.source.class_names == ("hat", "t-shirt")
    assert reading.kinds == {EMPTY_CLASS: 2}


def test_a_class_folder_that_is_empty_is_told(tmp_path):
    root = images(tmp_path / "s", "a/1.png")
    (root / "b").mkdir()
    (issue,) = read("classes", None, path=root).report.issues
    assert (issue.item, issue.kind, issue.lost) == (str(root / "b"), EMPTY_CLASS, 0)


@pytest.mark.parametrize(
    ("level", "found"),
    [
        pytest.param(None, "north", id="the first folder by default"),
        pytest.param(2, "deer", id="from the source"),
        pytest.param(-2, "deer", id="from the image"),
        pytest.param(-1, "cam 1", id="the folder of the image"),
    ],
)
def test_a_level_of_nested_folders_names_the_class(tmp_path, level, found):
    root = images(tmp_path / "traps", "north/deer/cam 1/IMG_1.png")
    reading = read("classes", None, path=root, class_folder=level)
    assert reading.labels() == (found,)


def test_an_image_without_such_a_folder_is_unlabelled_and_told(tmp_path):
    root = images(tmp_path / "s", "a/x/1.png", "2.png")
    reading = read("classes", None, path=root, class_folder=2)
    assert classes(reading) == {"s/2.png": None, "s/a/x/1.png": "x"}
    assert reading.scenes[0].shapes is None
    assert reading.kinds == {NO_LABEL: 1}


def test_a_level_that_no_image_has_is_refused(tmp_path):
    with pytest.raises(SourceError, match="Name the level of the folder in `class_folder`"):
        open_kind("classes", path=images(tmp_path / "s", "a/1.png"), class_folder=4)
    with pytest.raises(ValidationError, match="levels of folders are 1, 2"):
        open_kind("classes", path=tmp_path / "s", class_folder=0)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("filepath,label,split\na.png,deer,train\nsub/b.png,fox,val\n", id="commas"),
        pytest.param("\ufefffile;Class;Split\r\na;deer;train\r\nb.png;fox;valid\r\n", id="Excel"),
    ],
)
def test_a_table_names_the_classes_of_images(tmp_path, text):
    root = images(tmp_path / "s", "a.png", "sub/b.png")
    (root / "labels.csv").write_text(text, encoding="utf-8")
    reading = read("classes", None, path=root, table="labels.csv")
    assert classes(reading) == {"s/a.png": "deer", "s/sub/b.png": "fox"}
    assert [scene.split for scene in reading.scenes] == ["train", "val"]
    assert not reading.kinds


def test_rows_that_cannot_be_used_are_told_one_by_one(tmp_path):
    root = images(tmp_path / "s", *(f"{name}.png" for name in "abcd"))
    rows = ["image,label", "a.png,deer", "a.png,fox", "b.png,", "gone.png,deer", "c.png,deer"]
    (root / "t.csv").write_text("\n".join(rows))
    reading = read("classes", None, path=root, table="t.csv")
    assert classes(reading) == {"s/a.png": None, "s/b.png": None, "s/c.png": "deer"}
    assert reading.kinds == {SEVERAL_CLASSES: 1, NO_LABEL: 2, NO_IMAGE: 1}
    assert [scene.shapes is None for scene in reading.scenes] == [True, True, False]


def test_columns_are_named_where_they_are_not_usual(tmp_path):
    root = images(tmp_path / "s", "a.png")
    (root / "t.csv").write_text("bild,art\na.png,Reh\n")
    with pytest.raises(SourceError, match=re.escape("Set `image_column` to one of: bild, art")):
        open_kind("classes", path=root, table="t.csv")
    reading = read(
        "classes", None, path=root, table="t.csv", image_column="bild", class_column="art"
    )
    assert reading.labels() == ("Reh",)


def test_classes_are_no_boxes(clothes):
    reading = read("classes", ShapeKind.DETECT, path=clothes)
    assert reading.lost == (4, 4)
