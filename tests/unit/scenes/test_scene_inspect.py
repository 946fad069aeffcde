"""An inspection says what an ingest would make of a source, and writes nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from PIL import Image

from commands.inspection import RefusedSourceError, inspect_source
from tests.builders import write_image
from tests.unit.scenes.reading import write_coco, write_voc, write_yolo
from utils.errors import ConfigurationError, SourceError
from utils.scenes.inspect import inspect
from utils.scenes.kinds import find_kind


def voc(folder: Path) -> Path:
    write_image(folder / "JPEGImages" / "a.png")
    write_voc(folder / "Annotations" / "a.xml", ("ship", (1, 2, 30, 40)))
    return folder


def coco(folder: Path) -> Path:
    write_image(folder / "a.png")
    write_coco(folder / "labels.json", {1: "a.png"}, [(1, 7, [2, 3, 10, 12])])
    return folder


def yolo(folder: Path) -> Path:
    write_image(folder / "images" / "a.png")
    write_yolo(folder / "labels" / "a.txt", "0 0.5 0.5 0.2 0.2")
    (folder / "data.yaml").write_text("names: [ship]")
    return folder


def label_studio(folder: Path) -> Path:
    write_image(folder / "a.png", 200, 100)
    box = {"x": 10, "y": 30, "width": 20, "height": 20, "rectanglelabels": ["ship"]}
    size = {"original_width": 200, "original_height": 100}
    region = {"type": "rectanglelabels", "value": box, **size}
    task = {"data": {"image": "a.png"}, "annotations": [{"result": [region]}]}
    (folder / "export.json").write_text(json.dumps([task]))
    return folder


def images_last(folder: Path) -> Path:
    coco(folder)
    content = json.loads((folder / "labels.json").read_text())
    content["annotations"][0]["note"] = "x" * (1 << 20)
    (folder / "labels.json").write_text(json.dumps(dict(reversed(content.items()))))
    return folder


def plain(folder: Path) -> Path:
    write_image(folder / "harbour" / "a.png")
    return folder


def snapshot(folder: Path) -> set[str]:
    return {str(path) for path in folder.rglob("*")}


@pytest.mark.parametrize(
    ("make", "kind", "labels"),
    [
        pytest.param(voc, "voc", {"ship": 1}, id="VOC"),
        pytest.param(coco, "coco", {"vessel": 1}, id="COCO"),
        pytest.param(images_last, "coco", {"vessel": 1}, id="COCO with its images at the end"),
        pytest.param(label_studio, "coco", {"ship": 1}, id="Label Studio's JSON"),
        pytest.param(yolo, "yolo", {"ship": 1}, id="YOLO"),
        pytest.param(plain, "folder", {}, id="images alone"),
    ],
)
def test_the_kind_is_found_by_looking_and_nothing_is_written(make, kind, labels, tmp_path):
    folder = make(tmp_path / "data")
    before = snapshot(folder)
    seen = inspect(None, str(folder))
    assert (seen["kind"], seen["labels_by_class"]) == (kind, labels)
    assert not any(issue["set_aside"] or issue["lost"] for issue in seen["issues"])
    assert seen["reason"]
    assert snapshot(folder) == before


def test_an_id_of_the_hub_is_known_without_asking_it():
    assert find_kind("owner/ships").kind == "hugging_face"


def test_a_scene_is_told_in_plain_values(tmp_path):
    pixels = np.full((3, 30, 40), 7, np.uint16)
    transform = rasterio.transform.from_origin(500000, 5500000, 10, 10)
    (tmp_path / "sat").mkdir()
    with rasterio.open(
        tmp_path / "sat" / "a.tif", "w", width=40, height=30, count=3, dtype="uint16",
        crs="EPSG:32632", transform=transform,
    ) as raster:  # fmt: skip
        raster.write(pixels)
    seen = json.loads(json.dumps(inspect("folder", str(tmp_path / "sat"))))
    (scene,) = seen["scenes"]
    assert (scene["width"], scene["height"], scene["bands"]) == (40, 30, 3)
    assert (scene["dtype"], scene["crs"], scene["labels"]) == ("uint16", "EPSG:32632", None)
    assert scene["centre_lon_lat"] == pytest.approx([9.0028, 49.65], abs=0.01)
    assert scene["group"] == scene["id"] == "sat/a.tif"


def test_a_damaged_image_is_told_as_an_ingest_would_tell_it(tmp_path):
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (99, 99, 3), np.uint8)).save(
        tmp_path / "a.jpg"
    )
    whole = (tmp_path / "a.jpg").read_bytes()
    (tmp_path / "a.jpg").write_bytes(whole[: len(whole) // 2])
    write_image(tmp_path / "b.png")
    seen = inspect("folder", str(tmp_path), max_bad_share=0.4)
    assert [Path(scene["path"]).name for scene in seen["scenes"]] == ["b.png"]
    assert [issue["set_aside"] for issue in seen["issues"]] == [True]
    assert "1 of 2 scenes" in seen["refused"]


def test_a_source_that_loses_its_labels_would_be_refused(tmp_path):
    write_image(tmp_path / "a.png")
    write_coco(tmp_path / "l.json", {1: "a.png"}, [(1, 7, [2, 3, 9, 9]), (1, 7, [9, 9, -5, 2])])
    assert "1 of 2 labels are lost" in inspect("coco", str(tmp_path))["refused"]


def test_the_terminal_tells_the_kind_the_labels_and_the_command_to_ingest(tmp_path, capsys):
    folder = voc(tmp_path / "my ships")
    inspect_source(str(folder), {}, tmp_path / "seen.json")
    said = capsys.readouterr().out
    assert "is read as `voc`" in " ".join(said.split())  # the line breaks at the folder's name
    assert "1 scene, 64 x 48 pixels; 1 x PNG of 3 bands, uint8" in said
    assert "labels: 1 ship" in said
    assert f"--set source.kind=voc --set 'source.path={folder}'" in said
    assert json.loads((tmp_path / "seen.json").read_text())["labels_by_class"] == {"ship": 1}
    page = Path(said.split("page: ")[1].splitlines()[0])
    assert "my ships/JPEGImages/a.png" in page.read_text()


def test_what_would_be_refused_is_shown_and_then_refused(tmp_path, capsys):
    write_image(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"no image")
    with pytest.raises(RefusedSourceError, match="1 of 2 scenes"):
        inspect_source(str(tmp_path), {}, None)
    assert "b.png" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        pytest.param({"tiling.tile_size": 9}, "reads the source only", id="no field of a source"),
        pytest.param({"source.knd": "voc"}, "did you mean 'kind'", id="a misspelt field"),
        pytest.param({"source.kind": "vok"}, "source", id="an unknown kind"),
    ],
)
def test_a_wrong_option_is_told_before_anything_is_read(overrides, message, tmp_path):
    with pytest.raises(ConfigurationError, match=message):
        inspect_source(str(voc(tmp_path / "d")), overrides, None)


def test_a_folder_that_is_not_there_names_its_neighbour(tmp_path):
    voc(tmp_path / "ships")
    with pytest.raises(SourceError, match="Did you mean ships"):
        inspect_source(str(tmp_path / "shisp"), {}, None)


def test_a_misspelt_class_is_told_before_every_scene_is_taken_for_empty(tmp_path):
    with pytest.raises(ConfigurationError, match=r"None of the classes .* did you mean 'vessel'"):
        inspect("coco", str(coco(tmp_path / "d")), classes=["vesel"])


def test_the_command_names_a_project_and_asks_for_the_class_of_images_without_labels(
    tmp_path, capsys
):
    inspect_source(str(plain(tmp_path / "quay")), {}, None)
    said = capsys.readouterr().out
    assert "--set label_studio.project=quay" in said
    assert "source.classes=[NAME OF YOUR CLASS]" in said


def test_a_source_of_which_nothing_can_be_read_would_be_refused(tmp_path):
    (tmp_path / "a.png").write_text("no image")
    seen = inspect("folder", str(tmp_path), max_bad_share=1)
    assert "None of the scenes can be used" in seen["refused"]
