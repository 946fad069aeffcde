"""Assign every scene to train, val or test."""

from __future__ import annotations

from typing import Annotated

from zenml import step

from steps.figures import log_figures
from utils.dataset.labeled import LabeledDataset
from utils.dataset.options import SplitFractions
from utils.dataset.splits import assign_splits, count_splits


@step
def split_by_scene(
    labels: LabeledDataset, fractions: SplitFractions
) -> Annotated[dict[str, str], "splits"]:
    """Assign every scene, whole, to one split."""
    splits = assign_splits((tile.scene_id for tile in labels), fractions)
    log_figures({"scenes": count_splits(splits)})
    return {scene_id: split.value for scene_id, split in splits.items()}
