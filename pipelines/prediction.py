"""Prediction: images and scenes go through the running service."""

from __future__ import annotations

from zenml import pipeline

from steps.find_service import find_service
from steps.predict_by_service import predict_by_service
from utils.scenes.options import SourceOptions
from utils.serving.options import PredictionOptions


@pipeline
def prediction_pipeline(
    source: SourceOptions, prediction: PredictionOptions = PredictionOptions()
) -> None:
    """Predict every scene of a source by the running service of the model.

    Args:
        source: Source of the images and scenes.
        prediction: Service, minimum score, and the size from which an image is a scene.
    """
    service = find_service(prediction)
    predict_by_service(service, source, prediction)
