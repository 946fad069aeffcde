"""Compare a challenger with the champion on the same tiles."""

from __future__ import annotations

from typing import Annotated

from zenml import step

from records.promotions import note_comparison
from records.running_step import scratch_folder
from utils.dataset.labeled import LabeledDataset
from utils.dataset.local import local_images
from utils.dataset.splits import as_splits
from utils.detection.detector import Detector
from utils.evaluation.evaluate import unseen_by_both
from utils.evaluation.options import EvaluationOptions, PromotionOptions
from utils.evaluation.promotion import Promotion, decide_promotion


@step
def compare_detectors(
    champion: Detector,
    challenger: Detector,
    labels: LabeledDataset,
    champion_splits: dict[str, str],
    challenger_splits: dict[str, str],
    model: str,
    champion_version: int,
    challenger_version: int,
    promotion: PromotionOptions,
    evaluation: EvaluationOptions,
) -> Annotated[Promotion, "promotion"]:
    """Decide whether the challenger takes the champion's place, and note it on both versions."""
    tiles = unseen_by_both(labels, as_splits(challenger_splits), as_splits(champion_splits))
    decision = decide_promotion(
        (str(champion_version), champion),
        (str(challenger_version), challenger),
        tiles,
        local_images(tiles),
        scratch_folder(),
        promotion,
        evaluation,
    )
    note_comparison(model, champion_version, challenger_version, decision.comparison.card())
    return decision
