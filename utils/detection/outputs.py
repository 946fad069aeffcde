"""The files that predictions are written to for other programs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from utils.detection.coco_json import write_coco_json
from utils.detection.geojson import write_geojson
from utils.detection.options import InferenceOptions
from utils.detection.predictions import Predictions
from utils.issues import IssueReport


def write_outputs(
    predictions: Predictions, options: InferenceOptions, folder: Path, issues: IssueReport
) -> Predictions:
    """Write the formats asked for, GeoJSON where a scene knows where it lies.

    Args:
        predictions: Streamed once or twice for each format.
        options: Name the formats.
        folder: Receives the files.
        issues: Receives scenes whose georeference means no place on Earth.

    Returns:
        The predictions with the files beside them.
    """
    coco_json = geojson = None
    if "coco" in options.outputs:
        coco_json = write_coco_json(predictions, folder / "predictions.json")
    if "geojson" in options.outputs and any(scene.georeference for scene in predictions):
        geojson = write_geojson(predictions, folder / "geojson", issues)
    return replace(predictions, coco_json=coco_json, geojson=geojson)
