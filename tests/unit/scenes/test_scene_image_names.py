"""The images that label files name, whichever machine and tool the names come from."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from tests.builders import write_image
from tests.unit.scenes.reading import read, write_coco, write_voc, write_yolo
from utils.labels.objects import FOUND_BY_NAME, NO_IMAGE
from utils.scenes.image_names import ImageNames

ROOT = Path("/data/port")
BOX = (1, 7, [0, 0, 5, 5])


@pytest.mark.parametrize(
    ("name", "image"),
    [
        pytest.param("images\\a.png", "images/a.png", id="backslashes"),
        pytest.param("C:\\Users\\me\\a.png", "images/a.png", id="a drive"),
        pytest.param("c:/data/a.png", "images/a.png", id="a drive with slashes"),
        pytest.param("\\\\server\\share\\a.png", "images/a.png", id="a share of Windows"),
        pytest.param("/home/other/images/a.png", "images/a.png", id="another home"),
        pytest.param("../../label-studio/media/upload/1/1a2b3c4d-a.png", "a.png", id="upload"),
        pytest.param("a.png", "images/1a2b3c4d-a.png", id="the upload on disk"),
        pytest.param("/data/local-files/?d=images/a.png", "images/a.png", id="local files"),
        pytest.param("/data/local-files/?d=x%2Fb%20c.png", "b c.png", id="quoted local files"),
        pytest.param("https://host:8080/data/upload/3/b%20c.png?x=1", "b c.png", id="address"),
        pytest.param("s3://bucket/deep/a.png", "a.png", id="bucket"),
        pytest.param("file:///tmp/a.png", "a.png", id="file address"),
        pytest.param("b%20c.png", "b c.png", id="quoted"),
        pytest.param(
            unicodedata.normalize("NFC", "Fähre.png"), "Fa\u0308hre.png", id="NFD on disk"
        ),
        pytest.param(unicodedata.normalize("NFD", "Fähre.png"), "Fähre.png", id="NFD in the file"),
        pytest.param("A.PNG", "images/a.png", id="capitals"),
        pytest.param("a.jpg", "images/a.png", id="converted to another format"),
        pytest.param("a", "images/a.png", id="no suffix"),
        pytest.param("frame.001", "frame.001.png", id="no suffix after a dot"),
        pytest.param("  a.png ", "a.png", id="spaces around"),
    ],
)
def test_a_name_from_elsewhere_means_the_only_image_that_has_it(name, image):
    names = ImageNames.of([ROOT / image, ROOT / "other" / "z.png"])
    assert names.meant(name).image == ROOT / image


@pytest.mark.parametrize(
    "name", ["", ".", "/", "..", "gone.png", "\x00", "?d=", "http://[x", "x" * 9999]
)
def test_a_name_that_means_no_image_finds_none(name):
    names = ImageNames.of([ROOT / "a.png"])
    assert names.at(name, [ROOT]) is None
    assert names.meant(name).image is None


def test_of_several_images_of_a_name_the_folders_choose():
    names = ImageNames.of([ROOT / "train" / "a.png", ROOT / "val" / "a.png"])
    assert names.meant("D:\\set\\val\\a.png").image == ROOT / "val" / "a.png"
    assert names.meant("a.png").image is None
    assert names.meant("a.png").candidates == 2


def test_the_whole_name_goes_before_parts_of_it():
    names = ImageNames.of([ROOT / "a.png", ROOT / "1a2b3c4d-a.png", ROOT / "a.jpg"])
    assert names.meant("elsewhere/a.png").image == ROOT / "a.png"
    assert names.meant("elsewhere/1a2b3c4d-a.png").image == ROOT / "1a2b3c4d-a.png"


def test_names_that_only_begin_alike_are_of_two_images():
    """A date looks like the prefix that Label Studio gives to uploads."""
    names = ImageNames.of([ROOT / "20240102-a.png"])
    assert names.meant("20240101-a.png").image is None
    assert names.meant("a.png").image == ROOT / "20240102-a.png"


def test_an_image_that_is_listed_itself_is_not_meant_by_another_name(tmp_path):
    for folder in ("train", "val"):
        write_coco(tmp_path / folder / "coco.json", {1: "a.png"}, [BOX])
    write_image(tmp_path / "val" / "a.png")
    reading = read("coco", path=tmp_path, name="n")
    assert reading.ids == ["n/val/a.png"]
    assert len(reading.boxes()) == 1
    assert reading.kinds == {NO_IMAGE: 1}


def test_an_image_found_by_its_name_alone_is_told_once(tmp_path):
    for name in ("a", "b"):
        write_image(tmp_path / "images" / f"{name}.png")
    listed = {1: "D:\\a.png", 2: "D:\\b.png"}
    write_coco(tmp_path / "coco.json", listed, [BOX])
    reading = read("coco", path=tmp_path)
    assert len(reading.scenes) == 2
    assert reading.kinds == {FOUND_BY_NAME: 1}


@pytest.mark.parametrize(
    "label",
    [
        pytest.param("labels/a.TXT", id="capitals"),
        pytest.param("labels/a.png.txt", id="the image's suffix"),
        pytest.param("labels/A.txt", id="a capital letter"),
        pytest.param("other/a.txt", id="another folder"),
        pytest.param("images/a.txt", id="beside the image"),
    ],
)
def test_a_yolo_label_file_may_be_named_otherwise(tmp_path, label):
    write_image(tmp_path / "images" / "a.png")
    write_yolo(tmp_path / label, "0 0.5 0.5 0.5 0.5")
    assert read("yolo", path=tmp_path, classes=["ship"]).boxes() == [[16, 12, 48, 36]]


@pytest.mark.parametrize(
    "label",
    [
        pytest.param("Annotations/a.XML", id="capitals"),
        pytest.param("Annotations/a.png.xml", id="the image's suffix"),
        pytest.param("labels/a.xml", id="FiftyOne's folder"),
        pytest.param("xml/deep/a.xml", id="another folder"),
    ],
)
def test_a_voc_label_file_may_be_named_otherwise(tmp_path, label):
    write_image(tmp_path / "images" / "a.png")
    write_voc(tmp_path / label, ("ship", (2, 2, 5, 5)))
    assert read("voc", path=tmp_path, counts_from=1).boxes() == [[1, 1, 5, 5]]


def test_a_label_of_another_set_is_not_taken_where_a_label_is_missing(tmp_path):
    """Neighbours have theirs in place, so that the image is one without objects."""
    for name in ("a", "b"):
        write_image(tmp_path / "images" / f"{name}.png")
        write_yolo(tmp_path / "labels_segment" / f"{name}.txt", "0 0.1 0.1 0.9 0.1 0.9 0.9")
    write_yolo(tmp_path / "labels" / "a.txt", "0 0.5 0.5 0.5 0.5")
    reading = read("yolo", path=tmp_path, classes=["ship"])
    assert [len(scene.shapes) for scene in reading.scenes] == [1, 0]
