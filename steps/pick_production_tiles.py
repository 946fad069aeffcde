"""Pick the tiles to review next among the images that were sent to the service."""

from __future__ import annotations

from typing import Annotated

from zenml import get_step_context, step

from records.annotator import connect_label_studio
from records.bundles import reference_notes
from records.manifests import picked_tiles_of
from records.model_versions import version_in
from records.running_step import log_figures, scratch_folder
from records.trainings import scenes_held_out
from utils.annotation.label_studio.data_manager import skipped_tiles
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.curation.tags import tagged_tiles
from utils.dataset.labeled import LabeledDataset
from utils.dataset.splits import groups_of
from utils.detection.detector import Detector
from utils.feedback.choose import KnownTiles, choose_tiles, write_picked
from utils.feedback.options import FeedbackOptions
from utils.feedback.picked import PickedTiles
from utils.feedback.predict_tiles import threshold_of
from utils.issues import IssueReport
from utils.serving.noted_production import noted_production
from utils.storage.store import open_store
from utils.tiling.manifest import TileManifest, cut_like
from utils.tiling.options import TilingOptions

_TILES_OF_IMAGE = 4  # images that are cut for each tile of the budget, at most


@step(enable_cache=False)  # what the service noted is no artifact
def pick_production_tiles(
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
    """Rank tiles of kept images by what they would teach, and store their tiles."""
    issues, folder, project = IssueReport(), scratch_folder(), label_studio.project
    cut = cut_like(manifest, tiling, issues)
    model = get_step_context().model
    version = version_in(model.name, model.number)
    most, confidence = _TILES_OF_IMAGE * feedback.budget, threshold_of(detector, feedback)
    everything = noted_production(
        model.name, reference_notes(version), feedback, confidence, issues
    )
    sent = list(picked_tiles_of(project))
    done, waiting = everything.sent_scenes(sent, labels, cut.tile_size)
    chosen = everything.some(most, confidence, feedback.seed, done=done, waiting=waiting)
    upright = detector.kind.is_upright
    predictions = chosen.predictions(str(model.number), has_boxes=upright)
    known = KnownTiles(
        sent=sent,
        tagged=tagged_tiles(dataset_name, feedback.tag) if dataset_name else frozenset(),
        skipped=skipped_tiles(connect_label_studio(label_studio), project),
        held_out=scenes_held_out(groups_of(predictions)),
    )
    picked = choose_tiles(
        predictions,
        detector,
        labels,
        known,
        cut,
        feedback,
        issues,
        model_version=str(model.number),
        noted=chosen.scenes,
    )
    log_figures({"noted": everything.noted, "kept": len(everything.scenes)}, "picked_tiles")
    label_names = labels.class_names if labels is not None else ()
    classes = list(dict.fromkeys([*detector.class_names, *label_names]))
    store = open_store(data_source)
    return *write_picked(picked, classes, store, cut, folder, detector.kind), issues
