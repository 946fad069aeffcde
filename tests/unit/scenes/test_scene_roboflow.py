"""Versions of Roboflow's projects, from an emulator of its interface."""

from __future__ import annotations

import io
import logging
import zipfile
from pathlib import Path

import pytest

from tests.builders import write_image
from tests.emulators.roboflow import KEY, LINK_KEY, Roboflow, running
from tests.unit.scenes.reading import open_kind, read, write_coco
from utils.errors import SourceError
from utils.scenes import roboflow as client
from utils.shapes.shapes import ShapeKind

PLACE = {"workspace": "port", "project": "ships", "version": 2}


def zipped(folder: Path) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for file in sorted(folder.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(folder))
    return stream.getvalue()


# Two augmented copies of one photograph, and another photograph.
NAMES = {n: f"{name}_jpg.rf.{n:032x}.png" for n, name in enumerate("aab", start=1)}


def coco_export(folder: Path) -> bytes:
    for name in NAMES.values():
        write_image(folder / "train" / name)
    (folder / "README.roboflow.txt").write_text("ships - v2\n")
    boxes = [(image, 7, [1, 2, 10, 12]) for image in NAMES]
    write_coco(folder / "train" / "_annotations.coco.json", NAMES, boxes)
    return zipped(folder)


def yolo_export(folder: Path) -> bytes:
    write_image(folder / "train" / "images" / "a.png", 100, 100)
    (folder / "train" / "labels").mkdir(parents=True)
    (folder / "train" / "labels" / "a.txt").write_text("0 0.5 0.5 0.2 0.4\n")
    (folder / "data.yaml").write_text("names: [ship]\nnc: 1\n")
    return zipped(folder)


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setenv("SPYGLASS_LOCAL", str(tmp_path / "local"))
    exports = {
        "port/ships/2/coco": coco_export(tmp_path / "coco"),
        "port/ships/2/yolov8": yolo_export(tmp_path / "yolo"),
    }
    monkeypatch.setenv(client.KEY_VARIABLE, KEY)
    monkeypatch.setattr(client, "_BETWEEN_QUESTIONS", 0.0)
    with running(Roboflow(exports)) as roboflow:
        monkeypatch.setenv(client.ADDRESS_VARIABLE, roboflow.url)
        yield roboflow


def test_a_version_is_downloaded_once_and_copies_of_a_photograph_are_one_group(server):
    server.progress = [0.0, 0.6]
    reading = read("roboflow", ShapeKind.DETECT, **PLACE)
    assert reading.ids == [f"ships/train/{name}" for name in NAMES.values()]
    assert reading.boxes() == [[1, 2, 11, 14]]
    groups = [scene.group for scene in reading.scenes]
    assert groups[0] == groups[1] != groups[2]
    assert len(server.requests) == 4
    assert read("roboflow", ShapeKind.DETECT, **PLACE).ids == reading.ids
    assert len(server.requests) == 4


def test_the_format_says_how_it_is_read(server):
    reading = read("roboflow", ShapeKind.DETECT, **PLACE, format="yolov8", name="bay")
    assert reading.ids == ["bay/train/images/a.png"]
    assert reading.boxes() == [pytest.approx([40, 30, 60, 70])]
    assert reading.labels() == ("ship",)


def test_a_download_that_breaks_off_goes_on_where_it_stopped(server):
    size = len(server.exports["port/ships/2/coco"])
    server.cuts = [100, 50]
    assert len(read("roboflow", ShapeKind.DETECT, **PLACE).scenes) == 3
    ranges = [one.split(" ")[1:] for one in server.requests[1:]]
    assert ranges == [[], ["bytes=100-"], ["bytes=150-"]]
    assert size > 150


def test_a_later_run_goes_on_with_what_is_there(server):
    server.cuts = [10] * 4
    with pytest.raises(SourceError, match=r"broke off.*goes on where it stopped"):
        open_kind("roboflow", **PLACE)
    assert len(read("roboflow", ShapeKind.DETECT, **PLACE).scenes) == 3
    assert server.requests[-1].endswith("bytes=40-")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param({"project": "tugs"}, "knows no port/tugs/2 as coco. Correct", id="project"),
        pytest.param({"version": 9}, "knows no port/ships/9 as coco", id="version"),
        pytest.param({"format": "voc"}, "knows no port/ships/2 as voc", id="format"),
    ],
)
def test_a_wrong_place_is_one_sentence(server, change, message):
    with pytest.raises(SourceError, match=message):
        open_kind("roboflow", **(PLACE | change))


def test_a_wrong_key_a_missing_one_and_no_answer_are_one_sentence_each(server, monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv(client.KEY_VARIABLE, "wr0ng_s3cret")
    with pytest.raises(SourceError, match="refuses the key in ROBOFLOW_API_KEY") as refused:
        open_kind("roboflow", **PLACE)
    monkeypatch.setenv(client.ADDRESS_VARIABLE, "http://127.0.0.1:9")
    with pytest.raises(SourceError, match="did not answer") as silent:
        open_kind("roboflow", **PLACE)
    monkeypatch.delenv(client.KEY_VARIABLE)
    with pytest.raises(SourceError, match="Set ROBOFLOW_API_KEY to yours"):
        open_kind("roboflow", **PLACE)
    told = f"{refused.value} {silent.value} {caplog.text}"
    assert "s3cret" not in told


def test_no_secret_is_logged_or_printed(server, caplog, capfd):
    caplog.set_level(logging.DEBUG)
    open_kind("roboflow", **PLACE)
    shown = caplog.text + "".join(capfd.readouterr())
    assert KEY not in shown
    assert LINK_KEY not in shown


def test_what_is_no_zip_is_told_and_asked_for_again(server):
    good = server.exports["port/ships/2/coco"]
    server.exports["port/ships/2/coco"] = b"<html>busy</html>"
    with pytest.raises(SourceError, match="17 bytes that are no zip"):
        open_kind("roboflow", **PLACE)
    server.exports["port/ships/2/coco"] = good
    assert len(read("roboflow", ShapeKind.DETECT, **PLACE).scenes) == 3


def test_an_export_that_came_damaged_is_downloaded_anew(server):
    good = server.exports["port/ships/2/coco"]
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        middle = archive.infolist()[0].header_offset + 60
    server.exports["port/ships/2/coco"] = good[:middle] + bytes(8) + good[middle + 8 :]
    with pytest.raises(SourceError, match=r"came damaged, and was removed.*downloaded anew"):
        open_kind("roboflow", **PLACE)
    server.exports["port/ships/2/coco"] = good
    assert len(read("roboflow", ShapeKind.DETECT, **PLACE).scenes) == 3


def test_bytes_of_another_export_are_no_beginning_of_this_one(server):
    server.cuts = [10] * 4
    with pytest.raises(SourceError, match="broke off"):
        open_kind("roboflow", **PLACE)
    server.address = "later"
    assert len(read("roboflow", ShapeKind.DETECT, **PLACE).scenes) == 3
    assert "bytes=" not in server.requests[-1]


def test_a_zip_that_leads_out_of_its_folder_is_refused(server):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("../../evil.json", "{}")
    server.exports["port/ships/2/coco"] = stream.getvalue()
    with pytest.raises(SourceError, match="leads out of its folder"):
        open_kind("roboflow", **PLACE)
