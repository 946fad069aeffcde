"""Pick the tiles that people shall look at next."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from zenml import get_step_context, step

from records.manifests import INGESTS, all_tiles_sent, picked_tiles_of
from steps.label_studio import connect_label_studio
from steps.scratch import scratch_folder
from steps.trained_splits import scenes_held_out
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.annotation.label_studio.skipped import skipped_tiles
from utils.curation.cutting import tiles_of_predicted
from utils.curation.tags import tagged_tiles
from utils.dataset.labeled import LabeledDataset
from utils.dataset.splits import groups_of
from utils.detection.detector import Detector
from utils.detection.predictions import Predictions
from utils.feedback.candidates import candidates
from utils.feedback.options import FeedbackOptions
from utils.feedback.pick import pick
from utils.feedback.picked import PickedTiles
from utils.feedback.predict_tiles import look_with, threshold_of, with_boxes
from utils.feedback.storing import stored_tile
from utils.issues import IssueReport
from utils.storage.store import open_store
from utils.tiling.manifest import TileManifest, cut_like, cut_with
from utils.tiling.options import TilingOptions


@step
def pick_tiles(
    predictions: Predictions,
    detector: Detector,
    label_studio: LabelStudioOptions,
    data_source: str,
    dataset_name: str | None,
    tiling: TilingOptions | None,
    feedback: FeedbackOptions,
    manifest: TileManifest | None = None,
    labels: LabeledDataset | None = None,
) -> tuple[
    Annotated[PickedTiles, "picked_tiles"],
    Annotated[TileManifest, "picked_manifest"],
    Annotated[IssueReport, "feedback_issues"],
]:
    """Rank tiles by what they would teach, and store those that were never ingested."""
    issues = IssueReport()
    cut = cut_like(manifest, tiling, issues)
    folder = scratch_folder()
    project = label_studio.project
    ingested = manifest and all_tiles_sent(manifest, project, folder / "tiles.parquet", INGESTS)
    tagged = tagged_tiles(dataset_name, feedback.tag) if dataset_name else frozenset()
    before = list(picked_tiles_of(project))
    sent = {tile.tile_id for tile in before}
    everything = candidates(
        tiles_of_predicted(ingested or (), predictions, cut, issues, alone=before),
        confidence=threshold_of(detector, feedback),
        labels=labels or (),
        predictions=predictions,
        min_visibility=cut.min_visibility,
        held_out=scenes_held_out(groups_of(predictions)),
        skipped=skipped_tiles(connect_label_studio(label_studio), project),
        whatever=tagged,
        waiting=sent,
    )
    picked = pick(everything, feedback, look_with(detector, labels or (), feedback), tagged, sent)
    picked = with_boxes(picked, detector, str(get_step_context().model.number), issues)
    store = open_store(data_source)
    picked = [replace(one, tile=stored_tile(one.tile, store, cut)) for one in picked]
    classes = list(
        dict.fromkeys([*predictions.class_names, *(labels.class_names if labels else ())])
    )
    tiles = [one.tile for one in picked]
    return (
        PickedTiles.write(folder / "picked.parquet", classes, picked),
        TileManifest.write(folder / "manifest.parquet", classes, tiles, footer=cut_with(cut)),
        issues,
    )
