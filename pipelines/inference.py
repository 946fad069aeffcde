"""Inference: the detector in production predicts over whole scenes."""

from __future__ import annotations

from zenml import pipeline, unmapped

from records.artifacts import of_model_version
from steps.gather_predictions import gather_predictions
from steps.plan_shards import plan_shards
from steps.predict_scenes import predict_scenes
from utils.detection.options import InferenceOptions
from utils.scenes.options import SourceOptions
from utils.scenes.shards import Shards


@pipeline(dynamic=True, depends_on=[plan_shards, predict_scenes, gather_predictions])
def inference_pipeline(
    source: SourceOptions,
    shards: Shards = 1,
    inference: InferenceOptions = InferenceOptions(),
) -> None:
    """Predict over every scene of a source with the detector in production.

    Args:
        source: Source of the scenes.
        shards: Number of shards that are predicted at the same time, or the average size of a
            shard, as in `2GB` (also kB, MB, TB, GiB...). The predictions do not depend on it.
        inference: Windows, confidence, merging and outputs of the prediction.
    """
    selections, _ = plan_shards(source, shards)
    parts = predict_scenes.map(
        shard=selections,
        detector=unmapped(of_model_version("trained_detector")),
        source=unmapped(source),
        inference=unmapped(inference),
    )
    gather_predictions(*parts.unpack(), inference)
