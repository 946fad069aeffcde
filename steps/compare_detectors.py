"""Compare a challenger with the champion on the same tiles."""

from __future__ import annotations

from typing import Annotated

from zenml import log_metadata, step

from steps.scratch import scratch_folder
from utils.dataset.labeled import LabeledDataset
from utils.dataset.local import local_images
from utils.dataset.splits import Split
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
    tiles = unseen_by_both(labels, _splits(challenger_splits), _splits(champion_splits))
    decided = decide_promotion(
        (str(champion_version), champion),
        (str(challenger_version), challenger),
        tiles,
        local_images(tiles),
        scratch_folder(),
        promotion,
        evaluation,
    )
    # Beside both versions of the model, so that either tells what became of it.
    for version in (champion_version, challenger_version):
        log_metadata(
            metadata={f"promotion of version {challenger_version}": decided.comparison.card()},
            model_name=model,
            model_version=version,
        )
    return decided


def _splits(names: dict[str, str]) -> dict[str, Split]:
    return {scene: Split(name) for scene, name in names.items()}
