"""Inference: the detector in production looks through whole scenes."""

from __future__ import annotations

from zenml import pipeline

from pipelines.artifacts import of_model
from steps.predict_scenes import predict_scenes
from utils.detection.options import InferenceOptions
from utils.scenes.options import SourceOptions


@pipeline
def inference_pipeline(
    source: SourceOptions,
    inference: InferenceOptions = InferenceOptions(),
) -> None:
    """Predict over every scene of a source with the detector in production.

    Args:
        source: Where the scenes come from.
        inference: How the detector looks through them.
    """
    detector = of_model("trained_detector")
    predict_scenes(detector, source, inference)
