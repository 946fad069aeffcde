"""Files made to stop a reading, each of which costs itself at most."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.builders import write_image
from tests.unit.scenes.reading import open_kind, read, write_coco, write_voc, write_yolo
from utils.errors import SourceError
from utils.labels.objects import UNREADABLE_LABEL

BOX = (1, 1, 9, 9)


def not_utf8(folder: Path) -> Path:
    """The path of an image whose name is not UTF-8."""
    return folder / os.fsdecode(b"b\xff.png")


@pytest.mark.parametrize("kind", ["coco", "voc", "yolo", "folder"])
def test_a_name_that_is_not_utf_8_costs_its_image_only(tmp_path, kind):
    write_image(tmp_path / "a.png")
    write_image(not_utf8(tmp_path))
    for stem in ("a", os.fsdecode(b"b\xff")):
        write_voc(tmp_path / f"{stem}.xml", ("ship", BOX))
        write_yolo(tmp_path / f"{stem}.txt", "0 0.5 0.5 0.2 0.2")
    names = {1: "a.png", 2: not_utf8(tmp_path).name}
    write_coco(tmp_path / "coco.json", names, [(1, 7, [1, 1, 5, 5])])
    options = {"voc": {"counts_from": 0}, "yolo": {"classes": ["ship"]}}.get(kind, {})
    reading = read(kind, path=str(tmp_path), name="n", **options)
    assert reading.ids == ["n/a.png"]
    assert reading.kinds["file name is not UTF-8"] >= 1
    json.dumps(reading.report.to_rows(), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    "content",
    [
        pytest.param('<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]>', id="a file"),
        pytest.param('<!DOCTYPE a [<!ENTITY e SYSTEM "http://127.0.0.1:9/">]>', id="an address"),
        pytest.param(
            '<!DOCTYPE a [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]>', id="parameter"
        ),
    ],
)
def test_an_entity_reads_nothing_from_outside(tmp_path, content):
    write_image(tmp_path / "a.png")
    inner = "<annotation><object><name>&e;</name></object></annotation>"
    (tmp_path / "a.xml").write_text(content + inner)
    reading = read("voc", path=tmp_path, counts_from=0)
    assert UNREADABLE_LABEL in reading.kinds or not reading.source.class_names
    assert "root:" not in json.dumps(reading.report.to_rows())
    assert all(not scene.shapes for scene in reading.scenes)


def test_a_data_yaml_that_multiplies_is_refused(tmp_path):
    write_image(tmp_path / "a.png")
    write_yolo(tmp_path / "a.txt", "0 0.5 0.5 0.2 0.2")
    rows = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    write_yolo(tmp_path / "data.yaml", f"a0: &a0 [x, x]\n{rows}names: *a11")
    with pytest.raises(SourceError, match=r"data\.yaml has no readable class names"):
        open_kind("yolo", path=tmp_path)


@pytest.mark.parametrize(
    ("kind", "file"), [("coco", "b.json"), ("voc", "b.xml"), ("yolo", "b.txt")]
)
def test_a_pipe_in_place_of_a_label_file_is_not_waited_for(tmp_path, kind, file):
    for name in "ab":
        write_image(tmp_path / f"{name}.png")
    write_coco(tmp_path / "a.json", {1: "a.png"})
    write_voc(tmp_path / "a.xml", ("ship", BOX))
    write_yolo(tmp_path / "a.txt", "0 0.5 0.5 0.2 0.2")
    os.mkfifo(tmp_path / file)
    options = {"voc": {"counts_from": 0}, "yolo": {"classes": ["ship"]}}.get(kind, {})
    reading = read(kind, path=tmp_path, **options)
    assert len(reading.scenes) == 1
    assert UNREADABLE_LABEL in reading.kinds


def test_elements_nested_without_end_are_read_or_refused(tmp_path):
    write_image(tmp_path / "a.png")
    deep = 100_000
    (tmp_path / "a.xml").write_text("<a>" * deep + "<annotation/>" + "</a>" * deep)
    assert len(read("voc", path=tmp_path, counts_from=0).scenes) <= 1


@pytest.mark.parametrize(("kind", "file"), [("coco", "coco.json"), ("voc", "a.xml")])
def test_a_file_that_the_system_does_not_read_is_one_sentence(tmp_path, kind, file):
    write_image(tmp_path / "a.png")
    (tmp_path / file).symlink_to("/proc/self/mem")
    if kind == "coco":
        with pytest.raises(SourceError, match=r"coco\.json cannot be read"):
            open_kind(kind, path=tmp_path)
    else:
        assert read(kind, path=tmp_path, counts_from=0).set_aside == [UNREADABLE_LABEL]
