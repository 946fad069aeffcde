"""Exports of labelling tools: each format comes back as it was written."""

from __future__ import annotations

import base64
import csv
import io
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.builders import write_image
from tests.unit.scenes.reading import Reading, read
from utils.errors import SourceError
from utils.labels.camtrap_dp import NO_BOX, NO_PICTURE, OF_EVENT
from utils.labels.megadetector_json import LOW_SCORES
from utils.labels.objects import UNKNOWN_CLASS, UNREADABLE_LABEL
from utils.scenes.coco import PREDICTIONS
from utils.scenes.kinds import find_kind
from utils.shapes.shapes import Shapes

HULL = [20.0, 30.0, 60.0, 50.0]  # of an image of 200 x 100 pixels
SHARES = [0.1, 0.3, 0.2, 0.2]  # the same box as x, y, width, height


def read_json(folder: Path, content: Any, kind: str = "coco", **options: Any) -> Reading:
    """Read one JSON file beside the image `a.png`."""
    write_image(folder / "a.png", 200, 100)
    (folder / "labels.json").write_text(json.dumps(content))
    assert find_kind(str(folder)).kind == "coco"
    return read(kind, None, path=folder, **options)


def vgg(**shape: Any) -> dict[str, Any]:
    region = {"shape_attributes": shape, "region_attributes": {"label": "ship"}}
    return {"a.png7": {"filename": "a.png", "size": 7, "regions": [region], "file_attributes": {}}}


def datumaro(*annotations: dict[str, Any]) -> dict[str, Any]:
    item = {"id": "a", "annotations": list(annotations), "attr": {"weather": "rain", "frame": 0}}
    item["image"] = {"path": "/elsewhere/a.png", "size": [100, 200]}
    labels = {"label": {"labels": [{"name": "boat"}, {"name": "ship"}]}}
    return {"dm_format_version": "1.0", "categories": labels, "items": [item]}


def fiftyone(**fields: Any) -> dict[str, Any]:
    return {"samples": [{"filepath": "a.png", "tags": ["night"], "camera": "left", **fields}]}


def detections(**fields: Any) -> dict[str, Any]:
    box = {"_cls": "Detection", "label": "ship", "bounding_box": SHARES, **fields}
    return {"_cls": "Detections", "detections": [box]}


def labelme(kind: str, points: list[list[float]]) -> dict[str, Any]:
    shape = {"label": "ship", "points": points, "shape_type": kind}
    return {"shapes": [shape], "imagePath": "a.png", "imageWidth": 200, "imageHeight": 100}


CORNERS = [[20, 30], [60, 50]]
BOXES = {
    "vgg": vgg(name="rect", x=20, y=30, width=40, height=20),
    "vgg outline": vgg(name="polygon", all_points_x=[20, 60, 60], all_points_y=[30, 30, 50]),
    "vgg project": {
        "_via_img_metadata": vgg(name="ellipse", cx=40, cy=40, rx=20, ry=10),
        "_via_settings": {},
    },
    "datumaro": datumaro({"type": "bbox", "label_id": 1, "bbox": [20, 30, 40, 20]}),
    "datumaro outline": datumaro(
        {"type": "polygon", "label_id": 1, "points": [20, 30, 60, 30, 60, 50]}
    ),
    "fiftyone": fiftyone(ground_truth=detections()),
    "fiftyone's only field": fiftyone(boxes=detections(), found=detections(confidence=0.5)),
    "fiftyone's polyline": fiftyone(
        ground_truth={
            "_cls": "Polylines",
            "polylines": [
                {"label": "ship", "points": [[[0.1, 0.3], [0.3, 0.3], [0.3, 0.5]]], "closed": True}
            ],
        }
    ),
    "fiftyone's table": {
        "classes": ["boat", "ship"],
        "labels": {"a": [{"label": 1, "bounding_box": SHARES}]},
    },
    "labelme": labelme("rectangle", CORNERS),
    "labelme outline": labelme("polygon", [*CORNERS, [20, 50]]),
}


@pytest.mark.parametrize("content", BOXES.values(), ids=BOXES.keys())
def test_a_place_comes_back(tmp_path, content):
    reading = read_json(tmp_path, content)
    assert reading.labels() == ("ship",)
    assert reading.boxes()[0] == pytest.approx(HULL)
    assert reading.lost == (0, 0)


def test_tags_of_datumaro_and_fiftyone_are_kept(tmp_path):
    box = {"type": "bbox", "label_id": 1, "bbox": [1, 1, 9, 9], "attributes": {"occluded": False}}
    scene = read_json(tmp_path, datumaro(box)).scenes[0]
    assert scene.tags == ("weather:rain",)  # nothing is said by what is false
    scene = read_json(tmp_path, fiftyone(ground_truth=detections())).scenes[0]
    assert set(scene.tags) == {"night", "camera:left"}


def test_polygons_of_one_group_are_parts_of_one_object(tmp_path):
    parts = [
        {"type": "polygon", "label_id": 1, "group": group, "points": [x, 10, x + 9, 10, x, 19]}
        for group, x in ((5, 10), (5, 40), (6, 80), (0, 100), (0, 120))
    ]
    reading = read_json(tmp_path, datumaro(*parts))
    assert sorted(box[0] for box in reading.boxes()) == [10, 80, 100, 120]


def test_a_mask_of_fiftyone_is_stretched_over_its_box(tmp_path):
    painted = np.zeros((2, 4), dtype=bool)
    painted[:, 2:] = True
    file = io.BytesIO()
    np.save(file, painted)
    text = base64.b64encode(zlib.compress(file.getvalue())).decode()
    mask = {"$binary": {"base64": text, "subType": "00"}}
    reading = read_json(tmp_path, fiftyone(ground_truth=detections(mask=mask)))
    assert reading.boxes()[0] == pytest.approx([40, 30, 60, 50])


def test_a_mask_of_fiftyone_that_holds_code_is_not_loaded(tmp_path):
    file = io.BytesIO()
    np.save(file, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    text = base64.b64encode(zlib.compress(file.getvalue())).decode()
    reading = read_json(
        tmp_path, fiftyone(ground_truth=detections(mask={"$binary": {"base64": text}}))
    )
    assert reading.boxes()[0] == pytest.approx(HULL)  # the box alone


def test_a_sample_without_the_field_is_unlabelled(tmp_path):
    write_image(tmp_path / "b.png", 200, 100)
    content = fiftyone(ground_truth=detections())
    content["samples"].append({"filepath": "b.png", "tags": [], "ground_truth": None})
    assert read_json(tmp_path, content).scenes[1].shapes is None


def test_several_fields_of_fiftyone_are_asked_about_and_chosen(tmp_path):
    other = detections(label="boat")
    content = fiftyone(first=detections(), second=other)
    with pytest.raises(SourceError, match="label_field=FIELD"):
        read_json(tmp_path, content)
    assert read_json(tmp_path, content, label_field="second").labels() == ("boat",)
    assert read_json(tmp_path, content, "fiftyone", label_field="first").labels() == ("ship",)
    with pytest.raises(SourceError, match="'third', but in first, second"):
        read_json(tmp_path, content, label_field="third")


def test_classes_without_a_place_are_of_the_whole_image(tmp_path):
    reading = read_json(tmp_path, datumaro({"type": "label", "label_id": 1}))
    assert reading.labels() == ("ship",)
    content = fiftyone(ground_truth={"_cls": "Classification", "label": "harbour"})
    assert read_json(tmp_path, content).labels() == ("harbour",)
    assert read_json(tmp_path, {"classes": None, "labels": {"a": "port"}}).labels() == ("port",)


BROKEN = {
    "vgg without a class": (
        {**vgg(), "a.png7": {**vgg()["a.png7"], "regions": {"0": {}}}},
        UNREADABLE_LABEL,
    ),
    "datumaro of an unknown class": (
        datumaro({"type": "bbox", "label_id": 9, "bbox": [1, 1, 9, 9]}),
        UNKNOWN_CLASS,
    ),
    "datumaro without numbers": (datumaro({"type": "bbox", "label_id": 1}), UNREADABLE_LABEL),
    "fiftyone without numbers": (
        fiftyone(ground_truth=detections(bounding_box=None)),
        UNREADABLE_LABEL,
    ),
    "labelme with one point": (labelme("rectangle", [[1, 1]]), UNREADABLE_LABEL),
}


@pytest.mark.parametrize(("content", "kind"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_label_is_counted_as_lost(tmp_path, content, kind):
    reading = read_json(tmp_path, content)
    assert reading.kinds[kind] == 1
    assert reading.lost == (1, 1)


def test_boxes_of_makesense_come_back(tmp_path):
    write_image(tmp_path / "a.png", 200, 100)
    rows = [["ship", 20, 30, 40, 20, "a.png", 200, 100], ["boat", 0, 0, 9, 9, "a.png", 200, 100]]
    with (tmp_path / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([*rows, ["torn", 1, 2]])
    assert find_kind(str(tmp_path)).kind == "coco"
    reading = read("makesense", path=tmp_path)
    assert reading.labels() == ("ship", "boat")
    assert reading.boxes()[0] == HULL
    assert reading.lost == (0, 1)


def test_labels_that_were_never_named_get_the_only_class(tmp_path):
    row = {"id": 0, "image_id": 1, "segmentation": [[20, 30, 60, 30, 60, 50]]}
    images = [{"id": 1, "file_name": "a.png", "width": 200, "height": 100}]
    content = {"images": images, "annotations": [row], "categories": []}
    with pytest.raises(SourceError, match="classes="):
        read_json(tmp_path, content, "makesense")
    assert read_json(tmp_path, content, "makesense", classes=["ship"]).labels() == ("ship",)


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b'a,"b\n' + b"x" * 200_000, id="an open quote and a long field"),
        pytest.param(b"x" * 200_000 + b",1\n", id="a long first field"),
        pytest.param(b"\x00\xff\x00", id="no text"),
    ],
)
def test_other_tables_beside_the_images_are_no_matter(tmp_path, content):
    (tmp_path / "notes.csv").write_bytes(content)
    assert find_kind(str(tmp_path)).kind == "folder"
    assert read_json(tmp_path, labelme("rectangle", CORNERS)).labels() == ("ship",)


HOSTILE_MASKS = {
    "a header that asks for terabytes": b"(10000000, 10000000), ",
    "another header": b"(10000000,",
    "a negative side": b"(-1, 8), ",
}


@pytest.mark.parametrize("shape", HOSTILE_MASKS.values(), ids=HOSTILE_MASKS.keys())
def test_a_mask_whose_header_lies_is_not_made(tmp_path, shape):
    header = b"{'descr': '|b1', 'fortran_order': False, 'shape': " + shape + b"}\n"
    for content in (
        b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + b"\x01" * 8,
        b"PK\x03\x04" + b"\x00" * 40,
    ):
        text = base64.b64encode(zlib.compress(content)).decode()
        label = detections(mask={"$binary": {"base64": text}})
        reading = read_json(tmp_path, fiftyone(ground_truth=label))
        assert reading.boxes()[0] == pytest.approx(HULL)  # the box alone


def test_a_box_of_datumaro_may_be_turned(tmp_path):
    box = {"type": "bbox", "label_id": 1, "bbox": [20, 30, 40, 20], "attributes": {"rotation": 90}}
    reading = read_json(tmp_path, datumaro(box))
    assert reading.boxes()[0] == pytest.approx([30, 20, 50, 60])


def megadetector(*scores: float) -> dict[str, Any]:
    found = [{"category": "1", "conf": score, "bbox": SHARES} for score in scores]
    return {
        "detection_categories": {"1": "animal"},
        "classification_categories": {"0": "fox"},
        "images": [{"file": "a.png", "detections": found}],
    }


def test_detections_of_megadetector_are_labels_to_review(tmp_path):
    content = megadetector(0.9, 0.1)
    reading = read_json(tmp_path, content, "camera-traps")
    assert reading.boxes() == [pytest.approx(HULL)]
    assert reading.kinds[LOW_SCORES] == 1
    content["images"][0]["detections"][0]["classifications"] = [["0", 0.8]]
    assert read_json(tmp_path, content, "camera-traps").labels() == ("fox",)
    assert len(read_json(tmp_path, content, "camera-traps", least_score=0.05).boxes()) == 2
    with pytest.raises(SourceError, match=r"source\.kind=camera-traps"):
        read_json(tmp_path, content)
    del content["images"][0]["detections"][0]["conf"]  # which says nothing of its score
    assert read_json(tmp_path, content, "camera-traps").scenes[0].shapes == Shapes()


def test_predictions_are_not_mixed_with_labels(tmp_path):
    (tmp_path / "detections.json").write_text(json.dumps(megadetector(0.9)))
    reading = read_json(tmp_path, labelme("rectangle", CORNERS), "camera-traps")
    assert reading.labels() == ("ship",)
    assert reading.kinds[PREDICTIONS] == 1


def write_camtrap(folder: Path, *boxes: str) -> None:
    """A package of one deployment, with an observation of a cat on each image."""
    tables = {
        "deployments": ["deploymentID,locationName", "d1,Site A"],
        "media": ["mediaID,deploymentID,filePath,fileName,fileMediatype"],
        "observations": [
            "observationID,mediaID,eventID,observationType,scientificName,"
            "bboxX,bboxY,bboxWidth,bboxHeight"
        ],
    }
    for number, box in enumerate(boxes):
        write_image(folder / f"{number}.png", 200, 100)
        tables["media"].append(f"m{number},d1,{number}.png,{number}.png,image/png")
        tables["observations"].append(f"o{number},m{number},e1,animal,Felis catus,{box}")
    for name, rows in tables.items():
        (folder / f"{name}.csv").write_text("\n".join(rows))
    resources = [{"name": name, "path": f"{name}.csv"} for name in tables]
    (folder / "datapackage.json").write_text(json.dumps({"resources": resources}))


def test_a_package_of_camtrap_dp(tmp_path):
    write_camtrap(tmp_path, "0.1,0.3,0.2,0.2", ",,,")
    reading = read("camera-traps", path=tmp_path)
    assert reading.boxes(0) == [pytest.approx(HULL)]
    assert reading.labels(0) == ("Felis catus",)
    assert "locationName:Site A" in reading.scenes[0].tags
    assert {scene.group for scene in reading.scenes} == {f"{tmp_path.name}/event e1"}
    assert reading.kinds[NO_BOX] == 1


def test_a_package_of_camtrap_dp_without_boxes_tells_the_classes_of_images(tmp_path):
    write_camtrap(tmp_path, ",,,", ",,,")
    reading = read("camera-traps", None, path=tmp_path)
    assert [reading.labels(index) for index in (0, 1)] == [("Felis catus",)] * 2


def test_a_package_of_camtrap_dp_reads_no_table_outside(tmp_path):
    write_camtrap(tmp_path, ",,,")
    file = tmp_path / "datapackage.json"
    file.write_text(file.read_text().replace("media.csv", "../media.csv"))
    with pytest.raises(SourceError, match="no file of its own for the table 'media'"):
        read("camera-traps", path=tmp_path)


def test_observations_of_events_are_told(tmp_path):
    write_camtrap(tmp_path, "0.1,0.3,0.2,0.2", ",,,")
    file = tmp_path / "observations.csv"
    file.write_text(file.read_text().replace("o1,m1", "o1,"))
    media = tmp_path / "media.csv"
    media.write_text(media.read_text() + "\nm9,d1,a.mp4,a.mp4,video/mp4")
    reading = read("camera-traps", path=tmp_path)
    assert reading.kinds[OF_EVENT] == reading.kinds[NO_PICTURE] == 1
    assert reading.report.labels_lost() == 1
    assert reading.scenes[1].shapes is None


@pytest.mark.parametrize(
    "content",
    [
        {"resources": 3},
        {"resources": [{"name": []}]},
        {"resources": [7, None, {"name": "media"}]},
    ],
)
def test_json_that_is_like_a_package_is_none(tmp_path, content):
    (tmp_path / "other.json").write_text(json.dumps(content))
    assert read_json(tmp_path, labelme("rectangle", CORNERS)).labels() == ("ship",)


@pytest.mark.parametrize("table", ["media", "observations"])
def test_a_table_of_camtrap_dp_without_a_column_is_one_sentence(tmp_path, table):
    write_camtrap(tmp_path, ",,,")
    (tmp_path / f"{table}.csv").write_text("mediaID\nm0\n")
    with pytest.raises(SourceError, match=f"{table}.csv is no table of {table}"):
        read("camera-traps", path=tmp_path)


def test_short_rows_of_camtrap_dp_have_empty_ends(tmp_path):
    write_camtrap(tmp_path, "0.1,0.3,0.2,0.2")
    file = tmp_path / "deployments.csv"
    file.write_text(file.read_text().replace("d1,Site A", "d1"))
    assert read("camera-traps", path=tmp_path).labels(0) == ("Felis catus",)


def write_photo(path: Path, taken: str | None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    image, exif = Image.new("RGB", (20, 10)), Image.Exif()
    if taken is not None:
        exif.get_ifd(0x8769)[0x9003] = taken
    image.save(path, exif=exif)


def test_a_burst_is_one_group(tmp_path):
    times = {
        "site A/1.jpg": "2020:05:30 04:57:37",
        "site A/2.jpg": "2020:05:30 04:57:40",
        "site A/3.jpg": "2020:05:30 04:59:00",
        "site B/1.jpg": "2020:05:30 04:57:38",
        "site B/2.jpg": None,
        "site B/3.jpg": "0000:00:00 00:00:00",
    }
    for name, taken in times.items():
        write_photo(tmp_path / name, taken)
    reading = read("camera-traps", path=tmp_path, folder_levels=["site"])
    first = f"{tmp_path.name}/site A/1.jpg"
    groups = [scene.group for scene in reading.scenes]
    assert groups == [
        *(first, first, f"{tmp_path.name}/site A/3.jpg"),
        *(f"{tmp_path.name}/site B/1.jpg", None, None),
    ]
    assert reading.scenes[0].tags == ("site:site A",)
    longer = read("folder", path=tmp_path, group="burst:90")
    assert longer.scenes[2].group == first


def test_facts_of_weed_ai_are_tags(tmp_path):
    write_image(tmp_path / "a.png", 200, 100)
    context = {"id": 0, "crop_type": "wheat", "bbch_growth_range": {"min": 10, "max": 20}}
    content = {
        "images": [{"id": 1, "file_name": "/elsewhere/a.png", "agcontext_id": 0}],
        "annotations": [{"image_id": 1, "category_id": 0, "bbox": [20, 30, 40, 20]}],
        "categories": [{"id": 0, "name": "weed: lolium"}],
        "agcontexts": [context],
    }
    scene = read_json(tmp_path, content, "weed-ai").scenes[0]
    assert scene.tags == ("crop_type:wheat", "bbch_growth_range:10-20")
    del content["agcontexts"], content["images"][0]["agcontext_id"]
    (tmp_path / "agcontext.json").write_text(json.dumps({"crop_type": "rice"}))
    assert read_json(tmp_path, content, "weed-ai").scenes[0].tags == ("crop_type:rice",)


def test_a_zip_in_the_folder_of_an_export_is_unpacked(tmp_path):
    image = tmp_path / "image.png"
    write_image(image, 200, 100)
    export = tmp_path / "export"
    export.mkdir()
    with zipfile.ZipFile(export / "images.zip", "w") as packed:
        packed.write(image, "a.png")
    box = '<box label="ship" xtl="20" ytl="30" xbr="60" ybr="50"/>'
    tag = '<tag label="harbour"><attribute name="fog">yes</attribute></tag>'
    image_element = f'<image id="0" name="a.png" width="200" height="100">{box}{tag}</image>'
    (export / "annotations.xml").write_text(f"<annotations>{image_element}</annotations>")
    for _ in range(2):
        reading = read("cvat", path=export)
        assert reading.boxes() == [HULL]
        assert reading.ids == ["export/images/a.png"]
        assert set(reading.scenes[0].tags) == {"harbour", "fog:yes"}


def test_a_zip_that_was_unpacked_beside_itself_is_read_once(tmp_path):
    export = tmp_path / "export"
    write_image(export / "images" / "a.png", 200, 100)
    with zipfile.ZipFile(export / "images.zip", "w") as packed:
        packed.write(export / "images" / "a.png", "a.png")
    box = '<box label="ship" xtl="20" ytl="30" xbr="60" ybr="50"/>'
    element = f'<image id="0" name="a.png" width="200" height="100">{box}</image>'
    (export / "annotations.xml").write_text(f"<annotations>{element}</annotations>")
    assert read("cvat", path=export).ids == ["export/images/a.png"]


def test_a_zip_that_leads_out_refuses_the_export(tmp_path):
    with zipfile.ZipFile(tmp_path / "images.zip", "w") as packed:
        packed.writestr("../a.png", b"")
    with pytest.raises(SourceError, match="leads out of its folder"):
        read("cvat", path=tmp_path)


def test_an_export_without_labels_is_refused(tmp_path):
    write_image(tmp_path / "a.png", 200, 100)
    with pytest.raises(SourceError, match="holds no labels of cvat"):
        read("cvat", path=tmp_path)


def test_tags_can_be_given_to_all_scenes(tmp_path):
    write_image(tmp_path / "a.png", 200, 100)
    reading = read("folder", path=tmp_path, tags=["2026", "pass 3"])
    assert reading.scenes[0].tags == ("2026", "pass 3")
