"""Files of a source that are not read are told; links are followed once."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from tests.builders import write_image
from tests.unit.scenes.reading import open_kind, read
from utils.issues import IssueReport
from utils.scenes.listing import passed_over
from utils.scenes.selection import Selection


def kinds(reading) -> list[str]:
    return [issue.kind for issue in reading.report.issues]


def test_files_that_nothing_is_made_of_are_counted_by_suffix(tmp_path):
    write_image(tmp_path / "a.png")
    for name in ("a.bak", "b.bak", "notes.md", "README", ".hidden"):
        (tmp_path / name).write_text("text")
    reading = read("folder", path=str(tmp_path))
    assert reading.source.passed_over == {".bak": 2, "(no suffix)": 1, ".md": 1}
    (issue,) = reading.report.issues
    assert issue.kind == "files passed over"
    assert ".bak: 2" in issue.detail
    assert not issue.set_aside


def test_a_source_is_told_once_however_many_share_it(tmp_path):
    write_image(tmp_path / "a.png")
    (tmp_path / "a.bak").touch()
    source = open_kind("folder", path=str(tmp_path))
    reports = [IssueReport() for _ in range(3)]
    for shard, report in enumerate(reports):
        list(source.read(report, Selection(shard=shard, shards=3)))
    assert [len(report) for report in reports] == [1, 0, 0]


def test_files_that_belong_to_images_and_labels_are_not_passed_over():
    names = ("a.tfw", "a.jgw", "a.jpgw", "a.wld", "a.prj", "a.tif.aux.xml", "a.tif.ovr", "a.txt")
    assert passed_over(map(Path, names), frozenset({".txt"})) == {}
    assert passed_over([Path("a.txt"), Path("a.new")]) == {".txt": 1, ".new": 1}


def test_an_image_without_a_suffix_is_known_by_its_content(tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "photo", "JPEG")
    (tmp_path / "text").write_text("text")
    reading = read("folder", path=str(tmp_path), name="n")
    assert reading.ids == ["n/photo"]
    assert reading.source.passed_over == {"(no suffix)": 1}


def test_a_linked_folder_is_read_and_told(tmp_path):
    write_image(tmp_path / "elsewhere" / "b.png")
    write_image(tmp_path / "source" / "a" / "a.png")
    (tmp_path / "source" / "site").symlink_to(tmp_path / "elsewhere")
    reading = read("folder", path=str(tmp_path / "source"))
    assert reading.ids == ["source/a/a.png", "source/site/b.png"]
    assert kinds(reading) == ["links lead out of the source"]
    assert str(tmp_path / "elsewhere") in reading.report.issues[0].detail


def test_every_folder_is_read_once_however_many_links_lead_there(tmp_path):
    write_image(tmp_path / "elsewhere" / "b.png")
    write_image(tmp_path / "source" / "z" / "a.png")
    for link, target in (("1", "elsewhere"), ("2", "elsewhere"), ("3", "source/z")):
        (tmp_path / "source" / link).symlink_to(tmp_path / target)
    assert read("folder", path=str(tmp_path / "source")).ids == ["source/1/b.png", "source/z/a.png"]


@pytest.mark.parametrize("target", [".", "..", "a/.."])
def test_a_link_that_leads_up_is_no_way_in(tmp_path, target):
    write_image(tmp_path / "source" / "a" / "a.png")
    write_image(tmp_path / "neighbour" / "b.png")
    (tmp_path / "source" / "loop").symlink_to(tmp_path / "source" / target)
    reading = read("folder", path=str(tmp_path / "source"))
    assert reading.ids == ["source/a/a.png"]
    assert kinds(reading) == ["links lead to folders that hold the source"]


def test_a_loop_inside_a_linked_folder_ends(tmp_path):
    write_image(tmp_path / "elsewhere" / "deep" / "b.png")
    (tmp_path / "elsewhere" / "deep" / "up").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "site").symlink_to(tmp_path / "elsewhere")
    assert read("folder", path=str(tmp_path / "source")).ids == ["source/site/deep/b.png"]


def test_links_into_a_hidden_store_are_followed(tmp_path):
    """As tools for large files leave them."""
    write_image(tmp_path / ".store" / "b.png")
    (tmp_path / "site").symlink_to(tmp_path / ".store")
    (tmp_path / "a.png").symlink_to(tmp_path / ".store" / "b.png")
    reading = read("folder", path=str(tmp_path), name="n")
    assert reading.ids == ["n/a.png", "n/site/b.png"]
    assert kinds(reading) == []


def test_linked_images_outside_are_read_and_told_together(tmp_path):
    for number in range(5):
        image = write_image(tmp_path / "elsewhere" / f"{number}.png")
        (tmp_path / "source").mkdir(exist_ok=True)
        (tmp_path / "source" / image.name).symlink_to(image)
    reading = read("folder", path=str(tmp_path / "source"))
    assert len(reading.scenes) == 5
    (issue,) = reading.report.issues
    assert "and 2 more" in issue.detail


def test_a_name_that_is_not_utf8_is_set_aside_and_ends_nothing(tmp_path):
    write_image(tmp_path / "a.png")
    odd = os.fsencode(tmp_path) + b"/b\xff.png"
    os.rename(write_image(tmp_path / "b.png"), odd)  # noqa: PTH104
    reading = read("folder", path=str(tmp_path), name="n")
    assert reading.ids == ["n/a.png"]
    (issue,) = reading.report.issues
    assert issue.set_aside
    assert issue.item.endswith(r"b\xff.png")


def test_a_pipe_is_left_to_the_decoder_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "a.tif")
    os.mkfifo(tmp_path / "b")
    assert read("folder", path=str(tmp_path), name="n").ids == ["n/a.tif"]


def test_a_text_file_that_stands_for_a_link_is_told(tmp_path):
    write_image(tmp_path / "sites" / "site1" / "a.png")
    write_image(tmp_path / "elsewhere" / "b.png")
    (tmp_path / "sites" / "site2").write_text("../elsewhere")
    (tmp_path / "sites" / "LICENSE").write_text("as you like")
    reading = read("folder", path=str(tmp_path / "sites"))
    assert reading.ids == ["sites/site1/a.png"]
    told = [issue.detail for issue in reading.report.issues if "stand for links" in issue.kind]
    assert len(told) == 1
    assert "site2 → " in told[0]
    assert "LICENSE" not in told[0]
