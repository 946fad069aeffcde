"""One XML file for many images, as CVAT writes it, and files of several jobs."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.builders import write_image
from tests.unit.scenes.reading import empty, read
from tests.unit.scenes.videos import write_video
from utils.errors import SourceError
from utils.labels.objects import FOUND_BY_NAME, NO_IMAGE, UNREADABLE_LABEL
from utils.scenes.voc_counting import COUNTED_FROM
from utils.shapes.shapes import ShapeKind

BOX = '<box label="ship" xtl="{}" ytl="30" xbr="60" ybr="50"/>'


def entry(name: str, *shapes: str) -> str:
    return f'<image name="{name}" width="200" height="100">{"".join(shapes)}</image>'


def write_cvat(path: Path, *entries: str, labels: str = "") -> None:
    meta = f"<meta><task><labels>{labels}</labels></task></meta>"
    path.write_text(f"<annotations>{meta}{''.join(entries)}</annotations>")


def write_images(folder: Path, *names: str) -> None:
    for name in names:
        write_image(folder / name, 200, 100)


@pytest.mark.parametrize("listed", [["b/1.png", "a/1.png"], ["a/1.png", "b/1.png"]])
def test_an_image_that_is_missing_takes_no_other_from_its_own_entry(tmp_path, listed):
    write_images(tmp_path, "a/1.png")
    lefts = {"a/1.png": 9, "b/1.png": 20}
    entries = [entry(name, BOX.format(lefts[name])) for name in listed]
    write_cvat(tmp_path / "annotations.xml", *entries)
    reading = read("voc", path=tmp_path)
    assert reading.boxes() == [[9, 30, 60, 50]]
    assert reading.kinds == {NO_IMAGE: 1}
    assert "b/1.png" in reading.report.issues[0].item


def test_an_entry_of_another_folder_is_still_found_by_its_name(tmp_path):
    write_images(tmp_path, "a/1.png")
    write_cvat(tmp_path / "annotations.xml", entry("elsewhere/1.png", BOX.format(9)))
    reading = read("voc", path=tmp_path)
    assert reading.boxes() == [[9, 30, 60, 50]]
    assert reading.kinds == {FOUND_BY_NAME: 1}


def test_an_image_that_two_names_can_mean_is_unlabelled_and_told(tmp_path):
    write_images(tmp_path, "1.png", "2.png")
    names = "a/1.png", "b/1.png", "2.png"
    write_cvat(tmp_path / "annotations.xml", *(entry(name, BOX.format(9)) for name in names))
    reading = read("voc", path=tmp_path)
    assert reading.scenes[0].shapes is None
    assert (reading.kinds[NO_IMAGE], reading.lost) == (2, (0, 2))


def test_the_exports_of_two_tasks_keep_their_own_images(tmp_path):
    for task, left in (("t1", 9), ("t2", 20)):
        write_images(tmp_path / task / "images", "1.png")
        write_cvat(tmp_path / task / "annotations.xml", entry("1.png", BOX.format(left)))
    write_images(tmp_path / "t3", "x.png")
    write_cvat(tmp_path / "t3" / "annotations.xml", entry("1.png", BOX.format(30)))
    reading = read("voc", path=tmp_path)
    assert [reading.boxes(index)[0][0] for index in (0, 1)] == [9, 20]
    assert reading.kinds[NO_IMAGE] == 1
    assert FOUND_BY_NAME not in reading.kinds


def test_the_entries_of_two_jobs_are_joined_and_equal_boxes_are_one(tmp_path):
    write_images(tmp_path, "1.png", "2.png", "3.png")
    write_cvat(tmp_path / "x.xml", entry("1.png"), entry("2.png", BOX.format(9), BOX.format(20)))
    write_cvat(tmp_path / "y.xml", entry("2.png", BOX.format(20), BOX.format(30)), entry("3.png"))
    reading = read("voc", path=tmp_path)
    assert [box[0] for box in reading.boxes(1)] == [9, 20, 30]
    assert reading.kinds == {}


def test_an_image_listed_twice_in_a_file_has_the_boxes_of_both(tmp_path):
    write_images(tmp_path, "1.png")
    twice = entry("1.png", BOX.format(9)), entry("1.png", BOX.format(20))
    write_cvat(tmp_path / "annotations.xml", *twice)
    for _ in range(2):  # what was read is as it was
        assert [box[0] for box in read("voc", path=tmp_path).boxes()] == [9, 20]


def test_an_image_with_the_name_of_the_list_does_not_take_it(tmp_path):
    write_images(tmp_path, "annotations.png", "other.png")
    entries = entry("annotations.png", BOX.format(9)), entry("other.png", BOX.format(20))
    write_cvat(tmp_path / "annotations.xml", *entries)
    reading = read("voc", path=tmp_path)
    assert [reading.boxes(index)[0][0] for index in (0, 1)] == [9, 20]
    assert reading.kinds == {}


def test_a_second_file_for_an_image_with_its_own_is_told_as_what_it_is(tmp_path):
    write_images(tmp_path, "a.png", "b.png")
    write_cvat(tmp_path / "a.xml", entry("a.png", BOX.format(9)))
    write_cvat(tmp_path / "z.xml", entry("a.png", BOX.format(20)))
    reading = read("voc", path=tmp_path)
    (issue,) = (issue for issue in reading.report.issues if issue.kind == NO_IMAGE)
    assert (issue.lost, "a.png has its labels in" in issue.detail) == (1, True)


def label(name: str, kind: str) -> str:
    return f"<label><name>{name}</name><type>{kind}</type></label>"


def test_a_tag_in_a_task_of_shapes_is_a_fact_about_its_image(tmp_path):
    write_images(tmp_path, "1.png", "2.png")
    labels = label("ship", "rectangle") + label("night", "tag")
    entries = entry("1.png", BOX.format(9)), entry("2.png", '<tag label="night"/>')
    write_cvat(tmp_path / "annotations.xml", *entries, labels=labels)
    reading = read("voc", path=tmp_path)
    assert empty(reading.scenes[1].shapes)
    assert reading.scenes[1].tags == ("night",)
    assert (reading.kinds, reading.lost) == ({}, (0, 0))


def test_a_tag_in_a_task_of_tags_is_a_class(tmp_path):
    write_images(tmp_path, "1.png")
    write_cvat(
        tmp_path / "annotations.xml",
        entry("1.png", '<tag label="night"/>'),
        labels=label("night", "tag"),
    )
    assert read("voc", ShapeKind.CLASSIFY, path=tmp_path).labels(0) == ("night",)


@pytest.mark.parametrize("sides", [(-5, -5), (5, -5), (0, 5)])
def test_a_mask_of_negative_sides_is_told(tmp_path, sides):
    width, height = sides
    mask = f'<mask label="ship" rle="5, 15, 5" left="9" top="9" width="{width}" height="{height}"/>'
    write_images(tmp_path, "1.png")
    write_cvat(tmp_path / "annotations.xml", entry("1.png", mask))
    reading = read("voc", path=tmp_path)
    assert (reading.scenes[0].lost, reading.kinds) == (1, {UNREADABLE_LABEL: 1})


def test_voc_by_cvat_counts_pixels_from_zero(tmp_path):
    write_images(tmp_path, "a.png")
    sources = "".join(f"<{key}>Unknown</{key}>" for key in ("database", "annotation", "image"))
    corners = "<xmin>20.0</xmin><ymin>30.0</ymin><xmax>60.0</xmax><ymax>50.0</ymax>"
    found = f"<object><name>ship</name><bndbox>{corners}</bndbox></object>"
    (tmp_path / "a.xml").write_text(f"<annotation><source>{sources}</source>{found}</annotation>")
    reading = read("voc", path=tmp_path)
    assert reading.boxes() == [[20, 30, 60, 50]]
    assert reading.kinds == {COUNTED_FROM: 1}


def test_a_folder_of_videos_alone_says_how_to_read_them(tmp_path):
    write_video(tmp_path / "a.mp4", range(1))
    with pytest.raises(SourceError, match=r"1 videos, such as a\.mp4.*source\.kind=video"):
        read("camera-traps", path=tmp_path)
