from __future__ import annotations

from collections import Counter
from string import ascii_uppercase

from tests.unit.scenes.reading import Reading, empty, read
from utils.images.files import upright_size
from utils.labels.coco_json import ALL_CROWDS
from utils.labels.objects import NO_IMAGE, NO_LABEL
from utils.scenes.voc_counting import COUNTED_FROM
from utils.shapes.cleaning import box_problem


def labels_of(reading: Reading) -> Counter[str]:
    return Counter(label for scene in reading.scenes for label in scene.shapes.labels)


def assert_boxes_lie_in_their_images(reading: Reading) -> None:
    for scene in reading.scenes:
        width, height = upright_size(scene.path)
        assert {box_problem(box, width, height) for box in scene.shapes.xyxy} <= {None}


def test_ships_in_voc(shared_data):
    reading = read("voc", path=shared_data / "ships", class_mapping={"boat": "ship"})
    assert len(reading.scenes) == reading.source.scene_count == 300
    assert labels_of(reading) == {"ship": 759}
    assert reading.kinds == {COUNTED_FROM: 1}
    assert reading.report.issues[0].detail.startswith("0: ")
    assert_boxes_lie_in_their_images(reading)


def test_a_split_of_the_ships_by_its_list(shared_data):
    splits = [
        read("voc", path=shared_data / "ships", image_set=f"{split}.txt").ids
        for split in ("train", "val", "test")
    ]
    assert [len(split) for split in splits] == [200, 40, 60]
    assert len({scene for split in splits for scene in split}) == 300


def test_sentinel_2_in_coco(shared_data):
    reading = read("coco", path=shared_data / "sentinel2", class_mapping={"vessel": "ship"})
    assert [scene.tags for scene in reading.scenes] == [("busan",), ("casablanca",), ("honolulu",)]
    assert labels_of(reading) == {"ship": 81}
    assert reading.kinds == {
        ALL_CROWDS: 3,
        NO_IMAGE: 2,
        NO_LABEL: 1,
        "polygons brought to boxes": 1,
    }
    assert reading.set_aside == []
    assert_boxes_lie_in_their_images(reading)


def test_georeferenced_tiffs_with_spaces_and_brackets(shared_data):
    reading = read("folder", path=str(shared_data / "sentinel2" / "honolulu"))
    assert len(reading.scenes) == 5
    placed = [scene for scene in reading.scenes if scene.georeference]
    assert "honolulu/honolulu_rgb.tiff" in {scene.id for scene in placed}
    assert {scene.georeference.crs for scene in placed} == {"EPSG:3857"}


def test_coco_photos_in_yolo(shared_data):
    reading = read("yolo", path=shared_data / "coco")
    assert len(reading.scenes) == 64
    assert len(reading.source.class_names) == 80
    assert reading.kinds == {NO_LABEL: 2, NO_IMAGE: 2}
    assert sum(empty(scene.shapes) for scene in reading.scenes) >= 2
    assert_boxes_lie_in_their_images(reading)


def test_sign_language_in_yolo_without_names(shared_data):
    reading = read("yolo", path=shared_data / "asl", classes=list(ascii_uppercase))
    assert len(reading.scenes) == 60
    assert all(labels_of(reading)[letter] for letter in "AEHNW")
    # Files are named after their letter, so the order of the classes can be checked.
    assert all(scene.path.name[0] == scene.shapes.labels[0] for scene in reading.scenes)
    assert len(reading.report) == 0


def test_cars_in_coco(shared_data):
    reading = read("coco", path=shared_data / "sahi")
    assert labels_of(reading) == {"car": 5}
    assert reading.kinds == {NO_LABEL: 1}
    assert_boxes_lie_in_their_images(reading)
