"""Count: how many objects there are, with intervals, from predictions and a reviewed sample."""

from __future__ import annotations

from zenml import pipeline

from records.artifacts import ingest_of, manifest_behind, newest_of_model, of_model_version
from steps.estimate_counts import estimate_counts
from steps.plan_survey import plan_survey
from steps.send_survey_tiles import send_survey_tiles
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.counting.options import CountOptions
from utils.tiling.options import TilingOptions


@pipeline
def count_pipeline(
    data_source: str,
    tiling: TilingOptions | None = None,
    count: CountOptions = CountOptions(),
    label_studio: LabelStudioOptions = LabelStudioOptions(),
) -> None:
    """Draw tiles of the predicted scenes, estimate the counts, and send the tiles to people.

    Args:
        data_source: Place of the tiles, as for the ingest: a folder or `gs://bucket/prefix`.
        tiling: Options to cut the scenes; by default those of the newest ingest.
        count: Groups to count in, the interval, and the number of tiles to review.
        label_studio: The server and the project that receive the tiles.
    """
    labels = newest_of_model("labeled_dataset")
    predictions = newest_of_model("predictions")
    detector = of_model_version("trained_detector")
    survey, manifest, _ = plan_survey(
        predictions,
        detector,
        label_studio,
        data_source,
        tiling,
        count,
        # Without an ingest into this project, new tiles are cut like those of the labels.
        manifest=ingest_of(label_studio.project) or manifest_behind(labels),
        labels=labels,
        earlier=newest_of_model("survey"),
    )
    estimate_counts(survey, manifest, label_studio, count, labels)
    send_survey_tiles(survey, manifest, predictions, detector, data_source, label_studio, count)
