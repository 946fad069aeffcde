"""Compare a challenger with the champion on the same tiles."""

from __future__ import annotations

from dataclasses import replace
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
from utils.evaluation.shadow_agreement import SHADOW
from utils.monitoring.shadowed import shadowed_of
from utils.monitoring.tables import read_notes
from utils.serving.monitored import service_notes
from utils.serving.running import deploy_command


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
    reviews: LabeledDataset | None = None,
) -> Annotated[Promotion, "promotion"]:
    """Decide whether the challenger takes the champion's place, and note it on both versions.

    Where the promotion asks for shadowed images, the reviews are the newest labels.
    """
    versions = str(champion_version), str(challenger_version)
    shadowed = None
    if promotion.shadow_images:
        notes = read_notes([service_notes(model)])
        # The challenger's labels are usually the newer, and hold those of the champion.
        learned = {tile.tile_id for tile in labels}
        found = shadowed_of(notes, reviews or (), *versions, learned)
        shadowed = replace(found, deploy=deploy_command(model, SHADOW))
    tiles = unseen_by_both(labels, as_splits(challenger_splits), as_splits(champion_splits))
    decision = decide_promotion(
        (versions[0], champion),
        (versions[1], challenger),
        tiles,
        local_images(tiles),
        scratch_folder(),
        promotion,
        evaluation,
        shadowed,
    )
    note_comparison(model, champion_version, challenger_version, decision.comparison.card())
    return decision
