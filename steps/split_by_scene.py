"""Assign every scene to train, val or test."""

from __future__ import annotations

from typing import Annotated

from zenml import step

from records.running_step import log_figures
from utils.dataset.labeled import LabeledDataset
from utils.dataset.options import SplitFractions
from utils.dataset.splits import assign_splits, count_splits, groups_of


@step
def split_by_scene(
    labels: LabeledDataset, fractions: SplitFractions
) -> Annotated[dict[str, str], "splits"]:
    """Assign every group of scenes, whole, to one split."""
    groups = groups_of(labels)
    splits = assign_splits(groups, fractions)
    log_figures({"scenes": count_splits(splits), "groups": len(set(groups.values()))})
    return {scene_id: split.value for scene_id, split in splits.items()}
