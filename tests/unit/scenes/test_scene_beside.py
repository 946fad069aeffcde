"""Files beside the labels of a source: tables, folders and labels that others left there."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from tests.builders import write_image
from tests.unit.scenes.reading import read, write_coco
from tests.unit.scenes.test_scene_exports import write_camtrap
from utils.errors import SourceError
from utils.labels.camtrap_dp import LISTED_TWICE, NO_PICTURE
from utils.scenes.coco import PREDICTIONS
from utils.scenes.kinds import find_kind
from utils.scenes.sources import PASSED_OVER

BOX = [20.0, 30.0, 60.0, 50.0]


def labelled(folder: Path, name: str = "a.png") -> Path:
    write_image(folder / name, 200, 100)
    write_coco(folder / "labels.json", {1: name}, [(1, 1, [20, 30, 40, 20])], {1: "ship"})
    return folder


@pytest.mark.parametrize("kind", ["camera-traps", "cvat", "label-studio", "coco"])
@pytest.mark.parametrize("name", ["metadata.csv", "more/data.parquet", "a.arrow", "state.json"])
def test_a_table_beside_labels_hides_none_of_them(tmp_path, kind, name):
    (labelled(tmp_path) / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text("{}" if name.endswith("json") else "site,file_name\n1,a.png\n")
    assert find_kind(str(tmp_path)).kind == "coco"
    assert read(kind, path=tmp_path).boxes() == [BOX]


def test_a_table_that_names_no_file_is_none_of_the_hub(tmp_path):
    write_image(tmp_path / "a.png")
    (tmp_path / "metadata.csv").write_text("site,depth\n1,2\n")
    assert find_kind(str(tmp_path)).kind == "folder"
    (tmp_path / "metadata.csv").write_text("file_name,depth\na.png,2\n")
    assert find_kind(str(tmp_path)).kind == "hugging_face"


def test_a_folder_of_the_name_that_mot_uses_is_read_as_what_it_holds(tmp_path):
    labelled(tmp_path, "img1/a.png")
    assert read(find_kind(str(tmp_path)).kind, path=tmp_path).boxes() == [BOX]
    (tmp_path / "gt").mkdir()
    assert find_kind(str(tmp_path)).kind == "video"


def test_the_short_json_of_label_studio_is_told_with_its_remedy(tmp_path):
    write_image(tmp_path / "a.png")
    content = [{"image": "a.png", "annotation_id": 1, "annotator": 1, "label": []}]
    (tmp_path / "min.json").write_text(json.dumps(content))
    with pytest.raises(SourceError, match=r"min\.json .* Export the project as JSON or COCO"):
        read("label-studio", path=tmp_path)


def test_predictions_beside_labels_are_read_where_they_are_named(tmp_path):
    labelled(tmp_path)
    found = {"file": "a.png", "detections": [{"category": "1", "conf": 0.9, "bbox": [0, 0, 1, 1]}]}
    content = {"images": [found], "detection_categories": {"1": "animal"}, "info": {}}
    (tmp_path / "md.json").write_text(json.dumps(content))
    assert read("camera-traps", path=tmp_path).kinds == {PREDICTIONS: 1}
    assert read("camera-traps", path=tmp_path, annotations=["md.json"]).labels() == ("animal",)


def test_tables_that_were_read_are_not_passed_over(tmp_path):
    write_image(tmp_path / "sense" / "a.png", 200, 100)
    (tmp_path / "sense" / "labels.csv").write_text("ship,20,30,40,20,a.png,200,100\n")
    write_camtrap(tmp_path / "traps", "0.1,0.3,0.2,0.2")
    for folder in ("sense", "traps"):
        reading = read("coco", path=tmp_path / folder)
        assert reading.boxes() == [pytest.approx(BOX)]
        assert PASSED_OVER not in reading.kinds
    (tmp_path / "sense" / "notes.csv").write_text("a,b\n")
    assert read("coco", path=tmp_path / "sense").kinds[PASSED_OVER] == 1


def test_videos_of_a_package_take_what_was_seen_there_along(tmp_path):
    write_camtrap(tmp_path, "0.1,0.3,0.2,0.2")
    with (tmp_path / "media.csv").open("a") as media:
        media.write(
            "\nm8,d1,v.mp4,v.mp4,video/mp4\nm9,d1,w.AVI,w.AVI,\nm0,d1,b.png,b.png,image/png"
        )
    with (tmp_path / "observations.csv").open("a") as observations:
        observations.write("\no8,m8,e1,animal,Felis catus,,,,\no9,m9,e1,animal,Felis catus,,,,")
    reading = read("camera-traps", path=tmp_path)
    assert reading.boxes() == [pytest.approx(BOX)]
    assert reading.kinds == {NO_PICTURE: 1, LISTED_TWICE: 1}
    assert reading.lost == (0, 0)


def test_a_table_of_a_package_may_be_in_parts_but_not_compressed(tmp_path):
    write_camtrap(tmp_path, "0.1,0.3,0.2,0.2")
    head, *rows = (tmp_path / "media.csv").read_text().splitlines()
    package = json.loads((tmp_path / "datapackage.json").read_text())
    package["resources"][1]["path"] = ["none.csv", "media.csv"]
    (tmp_path / "none.csv").write_text(head)
    (tmp_path / "datapackage.json").write_text(json.dumps(package))
    assert len(rows) == 1
    assert read("camera-traps", path=tmp_path).boxes() == [pytest.approx(BOX)]
    package["resources"][1]["path"] = "media.csv.gz"
    (tmp_path / "datapackage.json").write_text(json.dumps(package))
    with pytest.raises(SourceError, match="is compressed"):
        read("camera-traps", path=tmp_path)


def test_a_zip_that_grows_as_no_images_do_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setenv("SPYGLASS_LOCAL", str(tmp_path / "local"))
    with zipfile.ZipFile(tmp_path / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for number in range(3):
            packed.writestr(f"{number}.png", bytes(100_000_000))
    with pytest.raises(SourceError, match=r"would grow from 0\.3 MB to 0\.3 GB"):
        read("folder", path=tmp_path / "bomb.zip")
    assert not list((tmp_path / "local").rglob("*.png"))


def test_images_that_fiftyone_left_without_a_class_have_none(tmp_path):
    for folder in ("car", "tug", "_unlabeled"):
        write_image(tmp_path / folder / f"{folder}.png")
    reading = read("classes", None, path=tmp_path)
    assert reading.source.class_names == ("car", "tug")
    assert [scene.shapes is None for scene in reading.scenes] == [True, False, False]


def test_a_table_of_points_is_told_with_its_tool(tmp_path):
    write_image(tmp_path / "a.png")
    (tmp_path / "points.csv").write_text("ship,20,30,a.png,200,100\n")
    with pytest.raises(SourceError, match=r"points\.csv .*makesense's points"):
        read("makesense", path=tmp_path)
