from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders import write_image
from tests.unit.scenes.reading import empty, read, write_voc
from utils.errors import SourceError
from utils.labels.objects import NO_IMAGE, NO_LABEL, UNREADABLE_LABEL


@pytest.fixture
def harbour(tmp_path: Path) -> Path:
    write_image(tmp_path / "harbour" / "JPEGImages" / "a.png")
    write_voc(tmp_path / "harbour" / "Annotations" / "a.xml", ("boat", (1, 1, 10, 20)))
    return tmp_path / "harbour"


def test_the_first_pixel_of_voc_is_the_first_pixel_here(harbour):
    assert read("voc", counts_from=1, path=harbour).boxes() == [[0, 0, 10, 20]]


def test_the_id_is_the_path_below_the_source(harbour):
    assert read("voc", counts_from=1, path=harbour).ids == ["harbour/JPEGImages/a.png"]
    assert read("voc", counts_from=1, path=harbour, name="x").ids == ["x/JPEGImages/a.png"]


@pytest.mark.parametrize(
    ("image", "label"),
    [
        pytest.param("images/a.png", "annotations/a.xml", id="lower-case folders"),
        pytest.param("a.png", "a.xml", id="side by side"),
        pytest.param("images/1/a.png", "annotations/1/a.xml", id="the same sub-folders"),
        pytest.param("images/1/a.png", "images/1/a.xml", id="side by side in a sub-folder"),
        pytest.param("images/[a] ü b.png", "annotations/[a] ü b.xml", id="odd characters"),
    ],
)
def test_usual_layouts_are_found(tmp_path, image, label):
    write_image(tmp_path / image)
    write_voc(tmp_path / label, ("boat", (1, 1, 4, 4)))
    reading = read("voc", counts_from=1, path=tmp_path, name="n")
    assert reading.ids == [f"n/{image}"]
    assert reading.labels() == ("boat",)
    assert len(reading.report) == 0


def test_equal_names_in_two_folders_keep_their_own_labels(tmp_path):
    for folder, corners in (("1", (1, 1, 4, 4)), ("2", (1, 1, 8, 8))):
        write_image(tmp_path / "images" / folder / "a.png")
        write_voc(tmp_path / "annotations" / folder / "a.xml", ("boat", corners))
    reading = read("voc", counts_from=1, path=tmp_path, name="n")
    assert reading.ids == ["n/images/1/a.png", "n/images/2/a.png"]
    assert (reading.boxes(0), reading.boxes(1)) == ([[0, 0, 4, 4]], [[0, 0, 8, 8]])


def test_an_image_without_xml_is_unlabelled_and_an_xml_without_objects_is_empty(harbour):
    write_image(harbour / "JPEGImages" / "b.png")
    write_image(harbour / "JPEGImages" / "c.png")
    write_voc(harbour / "Annotations" / "c.xml")
    reading = read("voc", counts_from=1, path=harbour)
    assert reading.scenes[1].shapes is None
    assert empty(reading.scenes[2].shapes)
    assert reading.kinds == {NO_LABEL: 1}
    assert reading.set_aside == []


def test_an_xml_without_image_is_reported(harbour):
    write_voc(harbour / "Annotations" / "gone.xml", ("boat", (1, 1, 2, 2)))
    reading = read("voc", counts_from=1, path=harbour)
    assert len(reading.scenes) == 1
    assert reading.kinds == {NO_IMAGE: 1}
    assert reading.set_aside == []  # it is no scene


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"<annotation><object>", id="cut off"),
        pytest.param(b"\xff\xfe\x00broken", id="not text"),
        pytest.param(b'<?xml version="1.0" encoding="nonsense"?><a/>', id="unknown encoding"),
    ],
)
def test_a_broken_xml_sets_its_image_aside_and_the_rest_goes_on(harbour, content):
    write_image(harbour / "JPEGImages" / "b.png")
    (harbour / "Annotations" / "b.xml").write_bytes(content)
    reading = read("voc", counts_from=1, path=harbour)
    assert reading.ids == ["harbour/JPEGImages/a.png"]
    assert reading.set_aside == [UNREADABLE_LABEL]


@pytest.mark.parametrize("value", ["", "left", "nan", "1,5,2"])
def test_a_coordinate_that_is_no_number_does_not_stop_the_reading(harbour, value):
    write_voc(harbour / "Annotations" / "a.xml", ("boat", (value, 1, 4, 4)), ("boat", (1, 1, 4, 4)))
    reading = read("voc", counts_from=1, path=harbour)
    assert reading.boxes() == [[0, 0, 4, 4]]
    assert reading.lost == (1, 1)


def test_entities_do_not_blow_up(harbour):
    entities = "".join(
        f'<!ENTITY e{level} "{f"&e{level - 1};" * 10 if level else "ship" * 10}">'
        for level in range(9)
    )
    bomb = f"<!DOCTYPE a [{entities}]><annotation><object><name>&e8;</name></object></annotation>"
    (harbour / "Annotations" / "a.xml").write_text(bomb)
    assert read("voc", counts_from=1, path=harbour).set_aside == [UNREADABLE_LABEL]


@pytest.mark.parametrize("line", ["b", "b.png", "b 1", "b  -1", "b.png 0", "  b  "])
def test_an_image_set_chooses_images(harbour, line):
    write_image(harbour / "JPEGImages" / "b.png")
    write_voc(harbour / "Annotations" / "b.xml")
    (harbour / "val.txt").write_text(f"\n{line}\n")
    reading = read("voc", counts_from=1, path=harbour, image_set="val.txt")
    assert reading.ids == ["harbour/JPEGImages/b.png"]
    assert len(reading.report) == 0


@pytest.mark.parametrize("line", ["{}", "{}.png", "{} 1", "{}.png -1"])
@pytest.mark.parametrize("name", ["north bay", "bay 1", "ünï [1]"])
def test_a_listed_name_may_have_spaces(harbour, name, line):
    write_image(harbour / "JPEGImages" / f"{name}.png")
    write_voc(harbour / "Annotations" / f"{name}.xml")
    (harbour / "val.txt").write_text(line.format(name), encoding="utf-8")
    reading = read("voc", counts_from=1, path=harbour, image_set="val.txt")
    assert reading.ids == [f"harbour/JPEGImages/{name}.png"]
    assert len(reading.report) == 0


def test_a_listed_name_without_an_image_is_set_aside(harbour):
    (harbour / "val.txt").write_text("a\ngone 1\ngone 1\n")
    reading = read("voc", counts_from=1, path=harbour, image_set="val.txt")
    assert reading.ids == ["harbour/JPEGImages/a.png"]
    (issue,) = reading.report.issues
    assert (issue.item, issue.kind) == (f"{harbour / 'val.txt'}: gone 1", "listed image is missing")
    assert issue.set_aside


def test_a_list_may_be_in_utf_16(harbour):
    (harbour / "val.txt").write_bytes("a\r\n".encode("utf-16"))
    assert len(read("voc", counts_from=1, path=harbour, image_set="val.txt").scenes) == 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        pytest.param({"image_set": "vall.txt"}, "vall.txt", id="no such list"),
        pytest.param({"annotations": "Annotation"}, "Did you mean Annotations", id="misspelt"),
        pytest.param({"images": "Annotations"}, "no image below", id="no images"),
        pytest.param({"annotations": "JPEGImages"}, "no XML file below", id="no labels"),
    ],
)
def test_a_source_that_cannot_be_read_says_why(harbour, options, words):
    with pytest.raises(SourceError, match=words):
        read("voc", counts_from=1, path=harbour, **options)
