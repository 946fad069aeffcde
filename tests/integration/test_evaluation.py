"""The scores are those of ultralytics, on real photos."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.builders import boxes
from tests.fixtures.detector import tiny_tiles
from utils.dataset.labeled import LabeledTile
from utils.dataset.splits import Split
from utils.dataset.yolo import YoloDataset, write_yolo_dataset
from utils.detection.detector import Detector
from utils.detection.ultralytics.library import load_ultralytics, quiet
from utils.errors import DetectorError
from utils.evaluation.bootstrap import Estimate
from utils.evaluation.evaluate import (
    evaluate_detector,
    unseen_by_both,
    unseen_groups,
    unseen_tiles,
)
from utils.evaluation.evaluation import Evaluation
from utils.evaluation.options import BootstrapOptions, EvaluationOptions
from utils.files import sha256_of
from utils.geometry import Window
from utils.reports.evaluation_page import evaluation_page, shown_estimate
from utils.shapes.formats import from_yolo
from utils.shapes.shapes import Shapes

SIDE, IMAGE_SIZE = 640, 320
PERSON = 0
QUICK = EvaluationOptions(device="cpu", bootstrap=BootstrapOptions(samples=100))


def person_detector(weights: Path, folder: Path) -> Detector:
    """The detector of eighty classes cut down to one.

    Ultralytics' own `val` gives a box several classes where `predict` gives it the likeliest, so
    only with one class do the two find the same boxes.
    """
    import torch

    model = load_ultralytics().YOLO(weights)
    head = model.model.model[-1]
    for branch in head.cv3:
        old = branch[-1]
        branch[-1] = torch.nn.Conv2d(old.in_channels, 1, 1)
        branch[-1].weight.data = old.weight.data[PERSON : PERSON + 1].clone()
        branch[-1].bias.data = old.bias.data[PERSON : PERSON + 1].clone()
    head.nc, head.no = 1, 1 + 4 * head.reg_max
    model.model.nc, model.model.names = 1, {0: "person"}
    path = folder / "person.pt"
    model.save(path)
    return Detector(path, path, ("person",), "detect", IMAGE_SIZE, "", {}, {}, 0, "", "")


def square_tile(photo: Path, labels: Path, folder: Path) -> LabeledTile:
    """A photo in the middle of a square, as tiles are; its people as true boxes."""
    with Image.open(photo) as image:
        canvas = Image.new("RGB", (SIDE, SIDE), (114, 114, 114))
        left, top = (SIDE - image.width) // 2, (SIDE - image.height) // 2
        canvas.paste(image.convert("RGB"), (left, top))
        size = image.size
    path = folder / f"{photo.stem}.png"
    canvas.save(path)
    lines = labels.read_text().splitlines() if labels.exists() else []
    rows = np.array([line.split() for line in lines], dtype=float).reshape(-1, 5)
    shares = rows[rows[:, 0] == PERSON][:, 1:]
    people = Shapes(from_yolo(shares, *size), ("person",) * len(shares)).shifted(left, top)
    window = Window(x=0, y=0, width=SIDE, height=SIDE)
    return LabeledTile(photo.stem, photo.stem, window, str(path), sha256_of(path), people)


@pytest.fixture(scope="module")
def people(shared_data: Path, tmp_path_factory) -> tuple[list[LabeledTile], YoloDataset]:
    """Sixty photos to evaluate on, laid out for ultralytics, too."""
    folder = tmp_path_factory.mktemp("people")
    coco = shared_data / "coco"
    tiles = [
        square_tile(photo, coco / "labels" / photo.parent.name / f"{photo.stem}.txt", folder)
        for photo in sorted((coco / "images").rglob("*.jpg"))
    ]
    tiles.sort(key=lambda tile: tile.tile_id)
    splits = {tile.scene_id: Split.TEST for tile in tiles}
    splits |= {tiles[0].scene_id: Split.TRAIN, tiles[1].scene_id: Split.VAL}
    images = {tile.tile_id: Path(tile.uri) for tile in tiles}
    dataset = write_yolo_dataset(tiles, ("person",), splits, images, folder / "yolo")
    return unseen_tiles(tiles, splits)[1], dataset


@pytest.fixture(scope="module")
def evaluated(people, shared_data, tmp_path_factory) -> tuple[Detector, Evaluation]:
    tiles, _ = people
    folder = tmp_path_factory.mktemp("evaluated")
    detector = person_detector(shared_data / "weights" / "yolov8n.pt", folder)
    images = {tile.tile_id: Path(tile.uri) for tile in tiles}
    return detector, evaluate_detector(detector, tiles, images, folder, QUICK)


def test_scores_are_those_of_ultralytics(people, evaluated, tmp_path):
    detector, evaluation = evaluated
    _, dataset = people
    with quiet():
        theirs = load_ultralytics().YOLO(detector.best).val(
            data=str(dataset.data_yaml), split="test", imgsz=IMAGE_SIZE, device="cpu", rect=False,
            plots=False, workers=0, verbose=False, save_dir=str(tmp_path),
            iou=QUICK.iou, max_det=QUICK.max_boxes,
        )  # fmt: skip
    assert evaluation.metrics["mAP50"] == pytest.approx(theirs.box.map50, abs=0.005)
    assert evaluation.metrics["mAP50-95"] == pytest.approx(theirs.box.map, abs=0.005)


def test_scenes_of_one_tile_score_as_their_tiles(evaluated):
    _, evaluation = evaluated
    assert evaluation.scene_scores == evaluation.tile_scores


def test_every_number_lies_in_its_interval(evaluated):
    _, evaluation = evaluated
    for name, estimate in evaluation.tile_scores.metrics.items():
        assert estimate.low <= estimate.value <= estimate.high, name


def test_a_saved_evaluation_is_complete_in_itself(evaluated, tmp_path):
    _, evaluation = evaluated
    evaluation.save(tmp_path / "saved")
    (tmp_path / "saved").rename(tmp_path / "moved")
    loaded = Evaluation.load(tmp_path / "moved")
    assert loaded.card() == evaluation.card()
    assert evaluation_page(loaded) == evaluation_page(evaluation)


def test_an_evaluation_of_before_sizes_had_map50_and_classes_intervals_has_a_page(
    evaluated, tmp_path
):
    _, evaluation = evaluated
    person = evaluation.tile_scores.classes["person"]
    size = next(iter(person.sizes_intervals))
    of_class = shown_estimate(Estimate(person.f1, *person.intervals["F1"]))
    of_size = shown_estimate(
        Estimate(person.sizes[size], *person.sizes_intervals[size]["mAP50-95"])
    )
    evaluation.save(tmp_path)
    card = json.loads((tmp_path / "evaluation.json").read_text())
    for level in ("tile_scores", "scene_scores"):
        del card[level]["sizes_map50"], card[level]["sizes_intervals"]
        for own in card[level]["classes"].values():
            del own["sizes_map50"], own["intervals"], own["sizes_intervals"]
    (tmp_path / "evaluation.json").write_text(json.dumps(card))

    earlier = Evaluation.load(tmp_path)
    assert earlier.metrics == evaluation.metrics
    page, now = (evaluation_page(one) for one in (earlier, evaluation))
    # Over all classes it is the same, as there is one: that stays.
    assert (now.count(of_class), page.count(of_class)) == (2, 1)
    assert (now.count(of_size), page.count(of_size)) == (2, 0)


def test_the_worst_tiles_come_first_with_their_pictures(evaluated):
    _, evaluation = evaluated
    mistakes = [sum(tile.errors.values()) for tile in evaluation.worst]
    assert mistakes == sorted(mistakes, reverse=True)
    assert mistakes[-1] > 0
    assert evaluation_page(evaluation).count("<img") == len(mistakes) <= 24


def test_the_test_split_is_evaluated_and_val_where_it_is_empty(tmp_path):
    tiles, splits = tiny_tiles(tmp_path, 8)
    split, chosen = unseen_tiles(tiles, splits)
    assert (split, len(chosen)) == (Split.TEST, 2)
    without = {scene: own for scene, own in splits.items() if own != Split.TEST}
    assert unseen_tiles(tiles, without)[0] == Split.VAL
    with pytest.raises(DetectorError, match="no tiles in the test split"):
        unseen_tiles(tiles, {})


def test_scenes_that_one_of_two_detectors_was_trained_on_evaluate_neither(tmp_path):
    tiles, splits = tiny_tiles(tmp_path, 8)
    first, second = sorted(scene for scene, split in splits.items() if split == Split.TEST)
    assert {t.scene_id for t in unseen_by_both(tiles, splits, {first: Split.TRAIN})} == {second}
    with pytest.raises(DetectorError, match="cannot be compared fairly"):
        unseen_by_both(tiles, splits, dict.fromkeys((first, second), Split.TRAIN))


def test_only_scenes_with_objects_count_as_unseen_groups(tmp_path):
    tiles, splits = tiny_tiles(tmp_path, 8)
    first, second = sorted(scene for scene, split in splits.items() if split == Split.TEST)
    bare = [replace(t, shapes=boxes()) if t.scene_id == first else t for t in tiles]
    assert unseen_groups(tiles, splits, {}) == {first, second}
    assert unseen_groups(bare, splits, {}) == {second}
    assert unseen_groups(tiles, splits, {second: Split.TRAIN}) == {first}
