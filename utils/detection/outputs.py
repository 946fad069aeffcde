"""The predictions of all shards of an inference in one table, and in formats of other programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from operator import attrgetter
from pathlib import Path

from utils.detection.coco_json import write_coco_json
from utils.detection.geojson import write_geojson
from utils.detection.geopackage import write_geopackage
from utils.detection.label_files import write_dota_labels, write_yolo_labels
from utils.detection.options import InferenceOptions
from utils.detection.predict import PREDICTIONS_FILE, InferenceResult
from utils.detection.predictions import Predictions
from utils.detection.video_tracks import write_tracks
from utils.issues import IssueReport
from utils.scenes.classes import merge_issues
from utils.scenes.region_choice import check_regions

_DEFAULTS = InferenceOptions()


def merge_inferences(
    shards: Sequence[InferenceResult], options: InferenceOptions = _DEFAULTS, *, folder: Path
) -> InferenceResult:
    """Join the results of inferences that shared the scenes of a source.

    Args:
        shards: Results of the shards, in any order.
        options: Options that the shards had.
        folder: Receives the formats asked for and, for several shards, `predictions.parquet`; the
            table of a single shard is the result as it is.

    Raises:
        TooManyIssuesError: If more scenes are unreadable than the options allow.
        SourceError: If the regions of the source touch none of its scenes.
    """
    issues = merge_issues([shard.issues for shard in shards])
    tables = [shard.predictions for shard in shards]
    scenes = sum(map(len, tables)) + issues.items_set_aside()
    issues.check_share(scenes, options.max_bad_share, "scenes", "inference.max_bad_share")
    # A table of one shard is in order already: its boxes need not be written once more.
    predictions = (
        tables[0]
        if len(tables) == 1
        else Predictions.merge(folder / PREDICTIONS_FILE, tables, attrgetter("scene_id"))
    )
    counts = [(scene.windows, scene.windows_outside) for scene in predictions]
    windows, outside = (sum(each) for each in zip((0, 0), *counts, strict=True))
    check_regions(issues, len(predictions), windows, outside)
    return InferenceResult(write_outputs(predictions, options, folder, issues), issues)


def write_outputs(
    predictions: Predictions, options: InferenceOptions, folder: Path, issues: IssueReport
) -> Predictions:
    """Write the formats asked for; GeoJSON only if a scene is georeferenced.

    Args:
        predictions: Predictions, streamed once or twice for each format.
        options: Options that name the formats.
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
    others = folder / "labels"
    if "yolo" in options.outputs:
        write_yolo_labels(predictions, others / "yolo")
    if "dota" in options.outputs:
        write_dota_labels(predictions, others / "dota")
    if "gpkg" in options.outputs:
        write_geopackage(predictions, others / "gpkg", issues)
    if not {"tracks", "video"}.isdisjoint(options.outputs):
        with_video = "video" in options.outputs
        place = others / "tracks"
        write_tracks(predictions, place, options.tracker, issues, with_video=with_video)
    label_files = others if others.is_dir() else None
    return replace(predictions, coco_json=coco_json, geojson=geojson, label_files=label_files)
