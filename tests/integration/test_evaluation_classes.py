"""With eighty classes and tiles of any shape, too, we measure what ultralytics measures.

But for one thing: its `val` may give a box several classes, which `predict`, and therefore
Spyglass, never does. Here it is made to.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from utils.dataset.labeled import LabeledTile
from utils.dataset.splits import Split
from utils.dataset.yolo import write_yolo_dataset
from utils.detection.detector import Detector
from utils.detection.ultralytics.checkpoint import load_weights
from utils.detection.ultralytics.library import load_ultralytics, quiet
from utils.evaluation.average_precision import average_precision_in
from utils.evaluation.options import EvaluationOptions
from utils.evaluation.predict_tiles import predict_tiles
from utils.files import sha256_of
from utils.geometry import Window
from utils.shapes.formats import from_yolo
from utils.shapes.shapes import Shapes

SIDE = 640


def tile_of(photo: Path, class_names: tuple[str, ...]) -> LabeledTile:
    """A photo as it is, with its true boxes."""
    labels = photo.parents[2] / "labels" / photo.parent.name / f"{photo.stem}.txt"
    lines = labels.read_text().splitlines() if labels.exists() else []
    rows = np.array([line.split() for line in lines], dtype=float).reshape(-1, 5)
    with Image.open(photo) as image:
        width, height = image.size
    truth = Shapes(
        from_yolo(rows[:, 1:], width, height), tuple(class_names[int(n)] for n in rows[:, 0])
    )
    window = Window(x=0, y=0, width=width, height=height)
    return LabeledTile(photo.stem, photo.stem, window, str(photo), sha256_of(photo), truth)


@pytest.mark.slow
def test_scores_of_many_classes_on_tiles_that_are_not_square_are_those_of_ultralytics(
    shared_data, tmp_path, monkeypatch
):
    weights = shared_data / "weights" / "yolov8n.pt"
    names = tuple(load_weights(weights).names.values())
    tiles = [tile_of(photo, names) for photo in sorted((shared_data / "coco").rglob("*.jpg"))]
    assert len({(tile.window.width, tile.window.height) for tile in tiles}) > 10
    images = {tile.tile_id: Path(tile.uri) for tile in tiles}
    splits = {tile.scene_id: Split.TEST for tile in tiles}
    splits |= {tiles[0].scene_id: Split.TRAIN, tiles[1].scene_id: Split.VAL}
    dataset = write_yolo_dataset(tiles, names, splits, images, tmp_path / "yolo")
    with quiet():
        theirs = load_ultralytics().YOLO(weights).val(
            data=str(dataset.data_yaml), split="test", imgsz=SIDE, device="cpu", rect=False,
            plots=False, workers=0, verbose=False, save_dir=str(tmp_path / "val"),
        )  # fmt: skip

    from ultralytics.utils import nms

    several = partial(nms.non_max_suppression, multi_label=True)
    monkeypatch.setattr(nms, "non_max_suppression", several)
    detector = Detector(weights, weights, names, "detect", SIDE, "", {}, {}, 0, "", "")
    (predicted,) = predict_tiles([detector], tiles[2:], images, EvaluationOptions(device="cpu"))
    ours = average_precision_in(predicted.tiles, names)
    assert len(names) == 80
    assert ours.map50 == pytest.approx(theirs.box.map50, abs=0.005)
    assert ours.map50_95 == pytest.approx(theirs.box.map, abs=0.005)
