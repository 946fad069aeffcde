"""Predictions as COCO json, for other tools."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from utils.detection.coco_annotations import annotations_of
from utils.detection.predictions import Predictions, ScenePrediction
from utils.files import written_whole


def write_coco_json(predictions: Predictions, path: Path) -> Path:
    """Write images, annotations (with `score`) and categories to `path`, whole or not at all.

    Shapes with outlines have a `segmentation`: the points of their parts, or, where a part has a
    hole, run lengths, as COCO keeps what polygons cannot. A class of a whole image is a box of all
    of it.

    Images are numbered from 1 in order of scene id, categories from 1 in order of the detector's
    classes, annotations from 1 in order of image. Only one scene is in memory at a time.
    """
    categories = {name: number for number, name in enumerate(predictions.class_names, start=1)}
    with written_whole(path) as partial, partial.open("w", encoding="utf-8") as stream:
        stream.write('{"images": ')
        _write_array(stream, (_image(*numbered) for numbered in enumerate(predictions, start=1)))
        stream.write(',\n"annotations": ')
        _write_array(stream, _annotations(predictions, categories))
        stream.write(',\n"categories": ')
        _write_array(stream, ({"id": number, "name": name} for name, number in categories.items()))
        stream.write("}\n")
    return path


def _image(number: int, scene: ScenePrediction) -> dict[str, Any]:
    return {
        "id": number,
        "file_name": scene.location,
        "scene_id": scene.scene_id,
        "width": scene.width,
        "height": scene.height,
    }


def _annotations(
    predictions: Iterable[ScenePrediction], categories: dict[str, int]
) -> Iterator[dict[str, Any]]:
    number = 0
    for image, scene in enumerate(predictions, start=1):
        size = scene.width, scene.height
        for one in annotations_of(scene.shapes, scene.at_edge, size, categories):
            number += 1
            yield {"id": number, "image_id": image, **one}


def _write_array(stream: TextIO, items: Iterable[dict[str, Any]]) -> None:
    separator = "[\n"
    for item in items:
        stream.write(separator + json.dumps(item, ensure_ascii=False))
        separator = ",\n"
    stream.write("[]" if separator == "[\n" else "\n]")
