"""Predict over whole scenes with a detector."""

from __future__ import annotations

from typing import Annotated

from zenml import get_step_context, step

from records.active_stack import work_store
from records.running_step import exports_store, log_figures, scratch_folder
from records.sources import opened_source
from utils.detection import predict
from utils.detection.detector import Detector
from utils.detection.options import InferenceOptions
from utils.detection.predictions import Predictions
from utils.issues import IssueReport
from utils.scenes.options import SourceOptions
from utils.scenes.selection import Selection


@step(enable_artifact_visualization=False)  # the gathered predictions have a page
def predict_scenes(
    shard: Selection, detector: Detector, source: SourceOptions, inference: InferenceOptions
) -> tuple[
    Annotated[Predictions, "shard_predictions"],
    Annotated[IssueReport, "shard_inference_issues"],
]:
    """Predict the objects of every scene of a shard, in scene coordinates."""
    result = predict.predict_scenes(
        opened_source(source),
        detector,
        inference,
        model_version=str(get_step_context().model.number),
        folder=scratch_folder(),
        selection=shard,
        kept_in=work_store("predictions"),
        exports_in=exports_store("detector"),
    )
    log_figures(
        {
            "confidence": detector.least_score(inference.confidence),
            "confidence_chosen": detector.least_score_chosen(inference.confidence),
        },
        "shard_predictions",
    )
    return result.predictions, result.issues
