"""Predict the scenes of a source by a running service."""

from __future__ import annotations

from typing import Annotated

from zenml import get_step_context, step

from records.running_step import scratch_folder
from records.sources import opened_source
from utils.detection.predictions import Predictions
from utils.issues import IssueReport
from utils.scenes.options import SourceOptions
from utils.serving.connection import connect_service
from utils.serving.options import PredictionOptions
from utils.serving.scene_predictions import predict_source


@step
def predict_by_service(
    service: dict[str, str], source: SourceOptions, prediction: PredictionOptions
) -> tuple[
    Annotated[Predictions, "predictions"],
    Annotated[IssueReport, "prediction_issues"],
]:
    """Send every image and scene to the service, and collect its answers."""
    client = connect_service(get_step_context().model.name, service["url"])
    predictions, issues = predict_source(
        opened_source(source), client, service["version"], prediction, scratch_folder()
    )
    return predictions, issues
