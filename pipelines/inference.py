"""Inference: the detector in production looks through whole scenes."""

from __future__ import annotations

from zenml import get_pipeline_context, pipeline

from steps.predict_scenes import predict_scenes
from utils.detection.options import InferenceOptions
from utils.scenes.options import SourceOptions


@pipeline
def inference_pipeline(
    source: SourceOptions,
    inference: InferenceOptions = InferenceOptions(),
) -> None:
    """Predict over every scene of `source` with the detector in production."""
    detector = get_pipeline_context().model.get_artifact("trained_detector")
    predict_scenes(detector, source, inference)
