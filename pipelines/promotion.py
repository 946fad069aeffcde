"""Promotion: the detector in staging against the one in production."""

from __future__ import annotations

from zenml import pipeline

from records.artifacts import in_stages, newest_of_model
from steps.compare_detectors import compare_detectors
from utils.evaluation.options import EvaluationOptions, PromotionOptions


@pipeline
def promotion_pipeline(
    promotion: PromotionOptions = PromotionOptions(),
    evaluation: EvaluationOptions = EvaluationOptions(),
) -> None:
    """Compare the detectors in staging and in production on the same test tiles.

    Args:
        promotion: Conditions for the detector in staging.
        evaluation: Options of the evaluation of both.
    """
    champion, challenger = in_stages("production", "staging")
    compare_detectors(
        champion=champion.get_artifact("trained_detector"),
        challenger=challenger.get_artifact("trained_detector"),
        # The challenger's labels, usually the newer; the step keeps the scenes unseen by both.
        labels=challenger.get_artifact("checked_dataset"),
        champion_splits=champion.get_artifact("splits"),
        challenger_splits=challenger.get_artifact("splits"),
        model=champion.model.name,
        champion_version=champion.number,
        challenger_version=challenger.number,
        promotion=promotion,
        evaluation=evaluation,
        reviews=newest_of_model("labeled_dataset") if promotion.shadow_images else None,
    )
