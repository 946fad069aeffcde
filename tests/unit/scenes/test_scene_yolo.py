from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.builders import write_image
from tests.unit.scenes.reading import empty, open_kind, read, write_yolo
from utils.errors import SourceError
from utils.images.formats import IMAGE_SUFFIXES
from utils.labels.objects import NO_IMAGE, NO_LABEL, UNKNOWN_CLASS, UNREADABLE_LABEL

MIDDLE = "0 0.5 0.5 0.5 0.5"  # of an image 64 wide and 48 high
MIDDLE_BOX = [16, 12, 48, 36]


@pytest.fixture
def bay(tmp_path: Path) -> Path:
    write_image(tmp_path / "bay" / "images" / "a.png")
    write_yolo(tmp_path / "bay" / "labels" / "a.txt", MIDDLE)
    write_yolo(tmp_path / "bay" / "data.yaml", "names: [ship, tug]")
    return tmp_path / "bay"


def test_shares_become_pixels(bay):
    reading = read("yolo", path=bay)
    assert reading.ids == ["bay/images/a.png"]
    assert reading.boxes() == [MIDDLE_BOX]
    assert reading.labels() == ("ship",)
    assert reading.source.class_names == ("ship", "tug")


@pytest.mark.parametrize(
    ("image", "label"),
    [
        pytest.param("images/a.png", "labels/a.txt", id="images and labels"),
        pytest.param("images/train/a.png", "labels/train/a.txt", id="splits inside"),
        pytest.param("train/images/a.png", "train/labels/a.txt", id="splits outside"),
        pytest.param("a.png", "a.txt", id="side by side"),
        pytest.param("images/x/images/a.png", "images/x/labels/a.txt", id="only the last counts"),
        pytest.param("images/[a] ß c.png", "labels/[a] ß c.txt", id="odd characters"),
        pytest.param("images/a.b.JPG", "labels/a.b.txt", id="two dots, capitals"),
    ],
)
def test_usual_layouts_are_found(tmp_path, image, label):
    write_image(tmp_path / image)
    write_yolo(tmp_path / label, MIDDLE)
    reading = read("yolo", path=tmp_path, name="n", classes=["ship"])
    assert reading.ids == [f"n/{image}"]
    assert reading.boxes() == [MIDDLE_BOX]
    assert len(reading.report) == 0


def test_the_folder_of_the_source_may_itself_be_called_images(tmp_path):
    write_image(tmp_path / "images" / "a.png")
    write_yolo(tmp_path / "images" / "a.txt", MIDDLE)
    assert read("yolo", path=tmp_path / "images", classes=["ship"]).boxes() == [MIDDLE_BOX]


def test_split_folders_become_tags(tmp_path):
    write_image(tmp_path / "images" / "train" / "a.png")
    write_yolo(tmp_path / "labels" / "train" / "a.txt", MIDDLE)
    assert read("yolo", path=tmp_path, classes=["ship"]).scenes[0].tags == ("train",)


@pytest.mark.parametrize(
    ("file", "content", "names"),
    [
        pytest.param("data.yaml", "names: [a, b]", ("a", "b"), id="list"),
        pytest.param("data.yaml", "names: {1: b, 0: a}", ("a", "b"), id="mapping"),
        pytest.param("names.yml", "names: {0: a}", ("a",), id="another name"),
        pytest.param("data.yaml", "names: [1, true]", ("1", "true"), id="names that are not text"),
        pytest.param("data.yaml", "names: [no, on]", ("no", "on"), id="names YAML takes for truth"),
    ],
)
def test_class_names_come_from_the_yaml(bay, file, content, names):
    (bay / "data.yaml").unlink()
    write_yolo(bay / file, content)
    assert open_kind("yolo", path=bay).class_names == names


def test_data_yaml_goes_before_other_files(bay):
    write_yolo(bay / "a.yaml", "names: [wrong]")
    assert open_kind("yolo", path=bay).class_names == ("ship", "tug")
    assert open_kind("yolo", path=bay, data_yaml="a.yaml").class_names == ("wrong",)


def test_an_outline_becomes_the_box_around_it(bay):
    write_yolo(bay / "labels" / "a.txt", "1 0.25 0.5 0.5 0.25 0.75 0.5 0.5 0.75")
    reading = read("yolo", path=bay)
    assert reading.boxes() == [MIDDLE_BOX]
    assert reading.labels() == ("tug",)


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        pytest.param("2 0.5 0.5 0.1 0.1", UNKNOWN_CLASS, id="class beyond the names"),
        pytest.param("-1 0.5 0.5 0.1 0.1", UNKNOWN_CLASS, id="negative class"),
        pytest.param("0.5 0.5 0.5 0.1 0.1", UNKNOWN_CLASS, id="half a class"),
        pytest.param("car 0.5 0.5 0.1 0.1", UNKNOWN_CLASS, id="unknown class by name"),
        pytest.param("0 nan 0.5 0.1 0.1", UNREADABLE_LABEL, id="no number"),
        pytest.param("0 x 0.5 0.1 0.1", UNREADABLE_LABEL, id="a word in place of a number"),
        pytest.param("0 32 24 32 24", UNREADABLE_LABEL, id="pixels"),
        pytest.param("0 0.5 0.5 40 30", UNREADABLE_LABEL, id="percent"),
        pytest.param("0 0.5 0.5 0.1", UNREADABLE_LABEL, id="three numbers"),
        pytest.param("0 0.5 0.5 0.1 0.1 0.9 0.9 0.1", UNREADABLE_LABEL, id="half a point"),
        pytest.param("0", UNREADABLE_LABEL, id="class alone"),
        pytest.param("\x00\x01", UNREADABLE_LABEL, id="not text"),
    ],
)
def test_a_bad_line_costs_only_its_box(bay, line, kind):
    write_yolo(bay / "labels" / "a.txt", line, "", MIDDLE)
    reading = read("yolo", path=bay)
    assert reading.boxes() == [MIDDLE_BOX]
    assert reading.kinds == {kind: 1}
    assert reading.set_aside == []
    assert reading.lost == (1, 1)


def test_an_image_without_label_file_is_background_and_reported(bay):
    write_image(bay / "images" / "b.png")
    reading = read("yolo", path=bay)
    assert empty(reading.scenes[1].shapes)
    assert reading.kinds == {NO_LABEL: 1}
    assert reading.set_aside == []


def test_a_label_without_image_is_reported_and_other_text_files_are_passed_over(bay):
    write_yolo(bay / "labels" / "gone.txt", MIDDLE)
    write_yolo(bay / "README.txt", "Thank you for downloading.")
    reading = read("yolo", path=bay)
    assert len(reading.scenes) == 1
    assert reading.kinds == {NO_IMAGE: 1}
    assert reading.set_aside == []  # it is no scene


@pytest.mark.parametrize("content", [b"", b"this is text"], ids=["zero bytes", "text"])
def test_a_file_that_is_no_image_is_set_aside_and_the_rest_goes_on(bay, content):
    (bay / "images" / "b.png").write_bytes(content)
    write_yolo(bay / "labels" / "b.txt", MIDDLE)
    reading = read("yolo", path=bay)
    assert reading.ids == ["bay/images/a.png"]
    assert reading.set_aside == ["image does not decode"]


def test_a_label_that_the_system_does_not_read_sets_its_image_aside(bay):
    write_image(bay / "images" / "b.png")
    (bay / "labels" / "b.txt").symlink_to("/proc/self/mem")  # a file that cannot be read at 0
    reading = read("yolo", path=bay)
    assert reading.ids == ["bay/images/a.png"]
    assert reading.set_aside == [UNREADABLE_LABEL]


@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES))
def test_images_of_every_format_have_a_size(bay, suffix):
    (bay / "images" / "a.png").unlink()
    kinds = {".heic": "AVIF", ".heif": "AVIF", ".hif": "AVIF", ".dib": "BMP"}
    kind = kinds.get(suffix) or Image.registered_extensions().get(suffix)
    kind = kind or ("JPEG" if suffix.startswith(".j") else "TIFF")
    Image.new("RGB", (64, 48)).save(bay / "images" / f"a{suffix}", kind)
    assert read("yolo", path=bay).boxes() == [MIDDLE_BOX]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_are_in_the_upright_image(bay, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (64, 48)).save(bay / "images" / "a.jpg", exif=exif)
    (bay / "images" / "a.png").unlink()
    upright = MIDDLE_BOX if orientation <= 4 else [12, 16, 36, 48]
    assert read("yolo", path=bay).boxes() == [upright]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(lambda bay: (bay / "data.yaml").unlink(), "Name the classes", id="no names"),
        pytest.param(
            lambda bay: write_yolo(bay / "data.yaml", "names: [a"), "data.yaml", id="broken YAML"
        ),
        pytest.param(
            lambda bay: write_yolo(bay / "data.yaml", "names: {a: b}"), "numbers", id="no numbers"
        ),
        pytest.param(
            lambda bay: write_yolo(bay / "data.yaml", "names: ship"), "list", id="names as text"
        ),
        pytest.param(
            lambda bay: (bay / "labels" / "a.txt").unlink(), "has a label file", id="no labels"
        ),
        pytest.param(
            lambda bay: (bay / "images" / "a.png").unlink(), "no image below", id="no images"
        ),
    ],
)
def test_a_source_that_cannot_be_read_is_refused_before_reading(bay, change, words):
    change(bay)
    with pytest.raises(SourceError, match=words):
        open_kind("yolo", path=bay)


def test_a_named_yaml_that_is_missing_is_refused(bay):
    with pytest.raises(SourceError, match=r"gone\.yaml"):
        open_kind("yolo", path=bay, data_yaml="gone.yaml")
