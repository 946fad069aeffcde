"""Feedback: the tiles that would teach the detector most go to Label Studio, with its boxes."""

from __future__ import annotations

from zenml import pipeline

from records.artifacts import ingest_of, manifest_behind, newest_of_model, of_model_version
from steps.pick_production_tiles import pick_production_tiles
from steps.pick_tiles import pick_tiles
from steps.send_picked_tiles import send_picked_tiles
from utils.annotation.label_studio.options import LabelStudioOptions
from utils.feedback.options import FeedbackOptions
from utils.tiling.options import TilingOptions


@pipeline
def feedback_pipeline(
    data_source: str,
    dataset_name: str | None = None,
    tiling: TilingOptions | None = None,
    feedback: FeedbackOptions = FeedbackOptions(),
    label_studio: LabelStudioOptions = LabelStudioOptions(),
) -> None:
    """Pick tiles from the newest predictions or from production, and send them to people.

    Args:
        data_source: Place of the tiles, as for the ingest: a folder or `gs://bucket/prefix`. Tiles
            of scenes that were predicted but never ingested go there.
        dataset_name: The FiftyOne dataset in which people tag tiles for another review; none by
            default.
        tiling: Options to cut scenes that were predicted but never ingested; by default those of
            the newest ingest.
        feedback: Number of tiles, and the weights of the reasons to pick them.
        label_studio: The server and the project that receive the tiles.
    """
    labels = newest_of_model("labeled_dataset")
    detector = of_model_version("trained_detector")
    # Without an ingest into this project, new tiles are cut like those of the labels.
    manifest = ingest_of(label_studio.project) or manifest_behind(labels)
    options = (label_studio, data_source, dataset_name, tiling, feedback, manifest, labels)
    if feedback.source == "production":
        picked, manifest, _ = pick_production_tiles(detector, *options)
    else:
        picked, manifest, _ = pick_tiles(newest_of_model("predictions"), detector, *options)
    send_picked_tiles(picked, manifest, data_source, dataset_name, label_studio, feedback.tag)
