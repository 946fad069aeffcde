"""Predictions as label files of other tools: YOLO's and DOTA's text, one file a scene."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from utils.detection.predictions import Predictions, ScenePrediction
from utils.files import write_whole
from utils.shapes.formats import to_yolo
from utils.shapes.outlines import corners_of, least_rectangles, rings_of
from utils.shapes.shapes import Shapes
from utils.tiling.tile import scene_key


def write_yolo_labels(predictions: Predictions, folder: Path) -> Path:
    """Write `labels/<scene>.txt` and `data.yaml`, as ultralytics writes predictions.

    A row is the class number, the shape in shares of the image, and the score: centre, width and
    height of an upright box, four corners of an oriented box, the points of a polygon. A polygon of
    several parts has a row a part; holes are filled. A class of a whole image has no place.
    """
    numbers = {name: number for number, name in enumerate(predictions.class_names)}
    for scene in predictions:
        rows = "".join(f"{row}\n" for row in _yolo_rows(scene, numbers))
        write_whole(folder / "labels" / f"{scene_key(scene.scene_id)}.txt", rows)
    names = dict(enumerate(predictions.class_names))
    description = {"path": ".", "names": names, "task": predictions.kind.value}
    text = yaml.safe_dump(description, sort_keys=False, allow_unicode=True)
    write_whole(folder / "data.yaml", text)
    return folder


def write_dota_labels(predictions: Predictions, folder: Path) -> Path:
    """Write `labelTxt/<scene>.txt` in DOTA's form: four corners in pixels, class, difficult.

    Polygons become their rectangles of least area. DOTA's form has no score.
    """
    for scene in predictions:
        shapes = scene.shapes
        rectangles = shapes.polygons
        if shapes.outlines is not None and not shapes.kind.is_oriented:
            rectangles = least_rectangles(rectangles)
        rows = (
            f"{_numbers(corners.ravel().tolist(), 2)} {_one_word(label)} 0\n"
            for corners, label in zip(corners_of(rectangles), shapes.labels, strict=True)
        )
        path = folder / "labelTxt" / f"{scene_key(scene.scene_id)}.txt"
        write_whole(path, "".join(rows))
    return folder


def _yolo_rows(scene: ScenePrediction, numbers: dict[str, int]) -> Iterator[str]:
    shapes = scene.shapes
    size = scene.width, scene.height
    for index, (label, score) in enumerate(zip(shapes.labels, shapes.confidences, strict=True)):
        for place in _places(shapes, index, *size):
            yield " ".join(filter(None, (str(numbers[label]), _numbers(place, 6), f"{score:.6f}")))


def _places(shapes: Shapes, index: int, width: int, height: int) -> list[list[float]]:
    """The shares of the image that the rows of one shape hold."""
    if not shapes.kind.has_places:
        return [[]]
    if shapes.outlines is None:
        shares: list[list[float]] = to_yolo(shapes.xyxy[index], width, height).tolist()
        return shares
    parts = getattr(shapes.outlines[index], "geoms", [shapes.outlines[index]])
    exteriors = (rings_of(part)[0] for part in parts)
    return [(ring / [width, height]).ravel().tolist() for ring in exteriors]


def _numbers(values: Sequence[float], decimals: int) -> str:
    return " ".join(f"{value:.{decimals}f}" for value in values)


def _one_word(label: str) -> str:
    """A class without spaces, which separate DOTA's columns."""
    return "-".join(label.split())
