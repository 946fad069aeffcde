"""Predict over whole scenes with a detector."""

from __future__ import annotations

from typing import Annotated

from zenml import get_step_context, step

from records.active_stack import work_store
from records.bundles import outlier_reference
from records.model_versions import version_in
from records.running_step import exports_store, log_figures, scratch_folder
from records.sources import opened_source
from utils.detection import predict
from utils.detection.detector import Detector
from utils.detection.options import InferenceOptions
from utils.detection.predictions import Predictions
from utils.issues import IssueReport
from utils.monitoring.inference_notes import InferenceNotes
from utils.monitoring.journal import Journal
from utils.scenes.options import SourceOptions
from utils.scenes.selection import Selection
from utils.serving.connection import connect_service
from utils.serving.monitored import inference_notes
from utils.serving.remote_predictor import remote_loader


@step(enable_artifact_visualization=False)  # the gathered predictions have a page
def predict_scenes(
    shard: Selection, detector: Detector, source: SourceOptions, inference: InferenceOptions
) -> tuple[
    Annotated[Predictions, "shard_predictions"],
    Annotated[IssueReport, "shard_inference_issues"],
]:
    """Predict the objects of every scene of a shard, in scene coordinates."""
    model = get_step_context().model
    version, remote = str(model.number), None
    least = detector.least_score(inference.confidence)
    notes = InferenceNotes(Journal(inference_notes(model.name)), model.name, version, least)
    if inference.service is not None:
        client = connect_service(model.name, inference.service)
        remote = remote_loader(client, detector, inference, version)
    outliers = outlier_reference(
        version_in(model.name, model.number), inference.imgsz or detector.image_size
    )
    result = predict.predict_scenes(
        opened_source(source),
        detector,
        inference,
        model_version=version,
        folder=scratch_folder(),
        selection=shard,
        kept_in=work_store("predictions"),
        exports_in=exports_store("detector"),
        remote=remote,
        # A service notes what it predicts itself.
        note=None if remote else notes.add,
        outlier_score=outliers.score if outliers else None,
    )
    log_figures(
        {
            "confidence": least,
            "confidence_chosen": detector.least_score_chosen(inference.confidence),
        },
        "shard_predictions",
    )
    return result.predictions, result.issues
