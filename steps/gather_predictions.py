"""Join the predictions of the shards of an inference."""

from __future__ import annotations

from typing import Annotated

from zenml import step

from records.running_step import scratch_folder
from utils.detection.options import InferenceOptions
from utils.detection.outputs import merge_inferences
from utils.detection.predict import InferenceResult
from utils.detection.predictions import Predictions
from utils.issues import IssueReport
from utils.reports.viewer import Viewer, write_viewer


@step
def gather_predictions(
    predictions: list[Predictions], issues: list[IssueReport], inference: InferenceOptions
) -> tuple[
    Annotated[Predictions, "predictions"],
    Annotated[IssueReport, "inference_issues"],
    Annotated[Viewer, "viewer"],
]:
    """Join the predictions of all shards in one table, in order of scene; make the viewer."""
    shards = [InferenceResult(*parts) for parts in zip(predictions, issues, strict=True)]
    folder = scratch_folder()
    result = merge_inferences(shards, inference, folder=folder)
    viewer = write_viewer(
        result.predictions,
        folder / "viewer",
        result.issues,
        scenes=inference.viewer_scenes,
        pixels=inference.pixels,
    )
    return result.predictions, result.issues, viewer
