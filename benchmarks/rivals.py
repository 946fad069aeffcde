"""Other ways to look through a large scene, and how well each finds what is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.mosaic import IMAGE_SIZE, OVERLAP, TILE_SIZE
from utils.detection.ultralytics.checkpoint import load_weights
from utils.evaluation.average_precision import average_precision_in
from utils.evaluation.evaluated_images import EvaluatedImage
from utils.geometry import Window
from utils.images.reader import read_windows
from utils.shapes.shapes import Shapes


def sahi_way(scene: Path, weights: Path, confidence: float) -> Callable[[], Shapes]:
    """SAHI's sliced prediction, without its additional look at the whole scene."""
    from sahi import AutoDetectionModel
    from sahi.predict import get_sliced_prediction

    model = AutoDetectionModel.from_pretrained(
        "ultralytics",
        model_path=str(weights),
        confidence_threshold=confidence,
        device="cpu",
        image_size=IMAGE_SIZE,
    )

    def find() -> Shapes:
        result = get_sliced_prediction(
            str(scene),
            model,
            TILE_SIZE,
            TILE_SIZE,
            OVERLAP / TILE_SIZE,
            OVERLAP / TILE_SIZE,
            perform_standard_pred=False,
            verbose=0,
        )
        found = result.object_prediction_list
        return Shapes(
            np.array([one.bbox.to_xyxy() for one in found]),
            tuple(str(one.category.id) for one in found),
            np.array([one.score.value for one in found]),
        )

    return find


def plain_way(tiles: Sequence[Path], weights: Path, confidence: float) -> Callable[[], None]:
    """Ultralytics with PyTorch over tiles that are there as files, nothing merged."""
    model = load_weights(weights)

    def find() -> None:
        for tile in tiles:
            model.predict(str(tile), imgsz=IMAGE_SIZE, conf=confidence, device="cpu", verbose=False)

    return find


def cut(scene: Path, folder: Path) -> list[Path]:
    """The windows of the scene as files."""
    folder.mkdir()
    paths = []
    for window, pixels in read_windows(scene, tile_size=TILE_SIZE, overlap=OVERLAP):
        paths.append(folder / f"{window.y}-{window.x}.png")
        Image.fromarray(pixels).save(paths[-1], compress_level=1)
    return paths


def map50(truth: Shapes, found: Shapes) -> float:
    """COCO's mAP50 of one scene, over the classes that are there."""
    window = Window(x=0, y=0, width=1, height=1)
    names = sorted({*truth.labels, *found.labels})
    return average_precision_in([EvaluatedImage("", "", window, truth, found)], names).map50 or 0.0
