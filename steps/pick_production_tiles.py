"""Pick the tiles to review next among the images that were sent to the service."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from zenml import get_step_context, step
from zenml.models import ModelVersionResponse

import materializers  # noqa: F401  (tells ZenML how to load a bundle)
from records.annotator import connect_label_studio
from records.bundles import packed_version
from records.manifests import picked_tiles_of
from records.model_versions import version_in
from records.running_step import log_figures, scratch_folder
from records.trainings import scenes_held_out
from utils.annotation.label_studio.data_manager import skipped_tiles
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.curation.tags import tagged_tiles
from utils.dataset.labeled import LabeledDataset
from utils.dataset.likeness import Likeness
from utils.dataset.splits import groups_of
from utils.detection.detector import Detector
from utils.feedback.choose import KnownTiles, choose_tiles, write_picked
from utils.feedback.options import FeedbackOptions
from utils.feedback.picked import PickedTiles
from utils.feedback.predict_tiles import threshold_of
from utils.feedback.production import Production, production_of, require_kept
from utils.issues import IssueReport
from utils.monitoring.journal import IMAGES
from utils.monitoring.notes import Note
from utils.monitoring.tables import NoteTable, read_notes
from utils.serving.monitored import service_notes
from utils.shapes.shapes import ShapeKind
from utils.storage.store import open_store
from utils.tiling.manifest import TileManifest, cut_like
from utils.tiling.options import TilingOptions
from utils.tiling.tile import Tile

_DAY = 86_400.0
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
    everything = _production(version, model.name, feedback, confidence, issues)
    sent = list(picked_tiles_of(project))
    done, waiting = _sent_scenes(sent, labels, everything, cut.tile_size)
    chosen = everything.some(most, confidence, feedback.seed, done=done, waiting=waiting)
    has_boxes = detector.kind is ShapeKind.DETECT
    predictions = chosen.predictions(str(model.number), has_boxes=has_boxes)
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


def _production(
    version: ModelVersionResponse | None,
    model: str,
    feedback: FeedbackOptions,
    confidence: float,
    issues: IssueReport,
) -> Production:
    """The images that the service of a model noted and kept.

    Raises:
        ImageError: If none was kept.
    """
    folder = Path(feedback.notes) if feedback.notes else service_notes(model)
    notes = read_notes([folder], since=time.time() - feedback.days * _DAY)
    for damaged in notes.damaged:
        issues.add(str(folder), "notes that cannot be read", damaged, set_aside=False)
    likeness = Likeness(folder / "likeness.json")
    production = production_of(
        notes, folder / IMAGES, _reference(version), likeness, confidence=confidence
    )
    require_kept(production, feedback.days, issues)
    return production


def _sent_scenes(
    sent: Sequence[Tile], labels: LabeledDataset | None, production: Production, tile_size: int
) -> tuple[set[str], set[str]]:
    """The scenes with nothing left to send, and those with a tile that waits for a review."""
    reviewed = {tile.tile_id for tile in labels or () if tile.reviewed}
    scenes = {tile.scene_id for tile in sent} & production.scenes.keys()
    waiting = {tile.scene_id for tile in sent if tile.tile_id not in reviewed}
    sides = {
        one: max(production.scenes[one].width, production.scenes[one].height) for one in scenes
    }
    return {one for one, side in sides.items() if side <= tile_size}, waiting


def _reference(version: ModelVersionResponse | None) -> Sequence[Note]:
    """The notes of the test split in the bundle of a version; none where it is not packed."""
    packed = None if version is None else packed_version(version)
    if packed is None:
        return ()
    file = packed.bundle.load().reference
    return list(NoteTable(file)) if file.is_file() else ()
