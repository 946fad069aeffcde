"""Pick the tiles to review next."""

from __future__ import annotations

from typing import Annotated

from zenml import get_step_context, step

from records.annotator import connect_label_studio
from records.manifests import INGESTS, all_tiles_sent, picked_tiles_of
from records.running_step import scratch_folder
from records.trainings import scenes_held_out
from utils.annotation.label_studio.data_manager import skipped_tiles
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.curation.tags import tagged_tiles
from utils.dataset.labeled import LabeledDataset
from utils.dataset.splits import groups_of
from utils.detection.detector import Detector
from utils.detection.predictions import Predictions
from utils.feedback.choose import KnownTiles, choose_tiles, write_picked
from utils.feedback.options import FeedbackOptions
from utils.feedback.picked import PickedTiles
from utils.issues import IssueReport
from utils.storage.store import open_store
from utils.tiling.manifest import TileManifest, cut_like
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
    issues, folder, project = IssueReport(), scratch_folder(), label_studio.project
    cut = cut_like(manifest, tiling, issues)
    known = KnownTiles(
        ingested=None
        if manifest is None
        else all_tiles_sent(manifest, project, folder / "tiles.parquet", INGESTS),
        sent=list(picked_tiles_of(project)),
        tagged=tagged_tiles(dataset_name, feedback.tag) if dataset_name else frozenset(),
        skipped=skipped_tiles(connect_label_studio(label_studio), project),
        held_out=scenes_held_out(groups_of(predictions)),
    )
    version = str(get_step_context().model.number)
    picked = choose_tiles(
        predictions, detector, labels, known, cut, feedback, issues, model_version=version
    )
    label_names = labels.class_names if labels is not None else ()
    classes = list(dict.fromkeys([*predictions.class_names, *label_names]))
    store = open_store(data_source)
    return *write_picked(picked, classes, store, cut, folder, predictions.kind), issues
