"""Send the drawn tiles of a survey to Label Studio."""

from __future__ import annotations

from typing import Annotated

from zenml import step

from records.annotator import connect_label_studio
from records.manifests import note_destination
from records.running_step import log_figures
from utils.annotation.label_studio.images import connect_storage
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.annotation.label_studio.project import open_project
from utils.annotation.label_studio.sending import send_tiles
from utils.counting.options import CountOptions
from utils.counting.plan import proposals, task_columns
from utils.counting.survey import Survey
from utils.detection.detector import Detector
from utils.detection.predictions import Predictions
from utils.issues import IssueReport
from utils.tiling.manifest import TileManifest


@step(enable_cache=False)  # its tasks are in Label Studio, where people may delete them
def send_survey_tiles(
    survey: Survey,
    manifest: TileManifest,
    predictions: Predictions,
    detector: Detector,
    data_source: str,
    label_studio: LabelStudioOptions,
    count: CountOptions,
) -> Annotated[IssueReport, "send_issues"]:
    """Give each drawn tile one task with its draw and probability, and the newest boxes."""
    client = connect_label_studio(label_studio)
    project = open_project(client, label_studio, manifest.class_names, survey.kind)
    note_destination(project)
    images = connect_storage(client, project, data_source, label_studio.document_root)
    scenes = {scene.scene_id: scene for scene in predictions}
    least = detector.least_score(count.confidence)
    shown = proposals(survey, manifest, scenes, least, manifest.class_names)
    columns = task_columns(survey)
    report = send_tiles(client, project, shown, images, label_studio, columns)
    log_figures(
        {
            "project": project.url,
            "added": report.added,
            "updated": report.updated,
            "unchanged": report.unchanged,
        }
    )
    return report.issues
