"""Draw the tiles whose review tells how many objects there are."""

from __future__ import annotations

from functools import partial
from typing import Annotated

from zenml import step

from records.annotator import connect_label_studio
from records.manifests import all_tiles_sent
from records.running_step import log_figures, scratch_folder
from utils.annotation.label_studio.data_manager import skipped_tiles
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.counting.begin import begin_or_go_on
from utils.counting.offered import require_offered
from utils.counting.options import CountOptions
from utils.counting.plan import next_tiles, stored_tiles, write_asked
from utils.counting.survey import Survey
from utils.counting.weights import classes_to_count
from utils.dataset.labeled import LabeledDataset
from utils.detection.detector import Detector
from utils.detection.predictions import Predictions
from utils.issues import IssueReport
from utils.storage.store import open_store
from utils.tiling.manifest import TileManifest, cut_like
from utils.tiling.options import TilingOptions


@step
def plan_survey(
    predictions: Predictions,
    detector: Detector,
    label_studio: LabelStudioOptions,
    data_source: str,
    tiling: TilingOptions | None,
    count: CountOptions,
    manifest: TileManifest | None = None,
    labels: LabeledDataset | None = None,
    earlier: Survey | None = None,
) -> tuple[
    Annotated[Survey, "survey"],
    Annotated[TileManifest, "survey_manifest"],
    Annotated[IssueReport, "survey_issues"],
]:
    """Begin a survey or go on with it, and store the images of the tiles to review."""
    issues, folder, project = IssueReport(), scratch_folder(), label_studio.project
    client = connect_label_studio(label_studio)
    cut = cut_like(manifest, tiling, issues)
    survey = begin_or_go_on(
        predictions,
        earlier,
        cut,
        count,
        detector.least_score(count.confidence),
        folder / "begun.parquet",
        issues,
        labels,
    )
    classes = classes_to_count(survey, count.classes)
    # Before the survey is kept: what people are not offered, they cannot count.
    require_offered(client, label_studio, classes)
    skipped = skipped_tiles(client, project)
    reviewed = [tile for tile in labels or () if tile.reviewed]
    wanted = {tile.tile_id for tile in survey}
    sent = None
    if manifest is not None:
        sent = all_tiles_sent(manifest, project, folder / "tiles.parquet")
    known = {tile.tile_id: tile for tile in sent or () if tile.tile_id in wanted}
    scenes = {scene.scene_id: scene for scene in predictions}
    stored = partial(
        stored_tiles,
        known=known,
        scenes=scenes,
        tiling=survey.cut,
        store=open_store(data_source),
        issues=issues,
    )
    asked, tiles = next_tiles(survey, reviewed, skipped, classes, count, stored)
    offered = [*classes, *(labels.class_names if labels is not None else ())]
    survey, written = write_asked(survey, asked, tiles, offered, folder)
    log_figures({"survey": survey.name, "draws": asked, "tiles": len(survey)}, "survey")
    return survey, written, issues
