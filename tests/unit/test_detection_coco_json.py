"""Predictions for the tools that read COCO json."""

from __future__ import annotations

import json

import numpy as np

from utils.detection.coco_json import write_coco_json
from utils.detection.predictions import Predictions, ScenePrediction
from utils.shapes.shapes import Shapes


def scene(scene_id, *rows):
    array = np.array(rows, dtype=float).reshape(-1, 5)
    found = Shapes(array[:, :4], ("buoy",) * len(array), array[:, 4])
    return ScenePrediction(scene_id, f"/data/{scene_id}", 100, 80, found, "3")


def written(tmp_path, *scenes):
    predictions = Predictions.write(tmp_path / "p.parquet", ("ship", "buoy"), scenes)
    return json.loads(write_coco_json(predictions, tmp_path / "p.json").read_text())


def test_images_annotations_and_categories_refer_to_each_other(tmp_path):
    coco = written(tmp_path, scene("a [1].png"), scene("b é.png", (1, 2, 11, 7, 0.5)))
    assert coco["images"][1] == {
        "id": 2,
        "file_name": "/data/b é.png",
        "scene_id": "b é.png",
        "width": 100,
        "height": 80,
    }
    assert coco["categories"] == [{"id": 1, "name": "ship"}, {"id": 2, "name": "buoy"}]
    assert coco["annotations"] == [
        {
            "id": 1,
            "image_id": 2,
            "category_id": 2,
            "bbox": [1, 2, 10, 5],
            "area": 50,
            "score": 0.5,
            "iscrowd": 0,
        }
    ]


def test_no_predictions_are_valid_json_too(tmp_path):
    assert written(tmp_path)["images"] == []
    assert written(tmp_path, scene("a.png"))["annotations"] == []
