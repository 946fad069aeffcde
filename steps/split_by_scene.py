"""Assign every scene to train, val or test."""

from __future__ import annotations

from typing import Annotated

from zenml import step

from records.running_step import log_figures
from utils.dataset.labeled import LabeledDataset
from utils.dataset.options import SplitFractions
from utils.dataset.split_choice import choose_splits
from utils.dataset.splits import count_splits


@step
def split_by_scene(
    labels: LabeledDataset, fractions: SplitFractions, earlier: dict[str, str] | None = None
) -> Annotated[dict[str, str], "splits"]:
    """Assign every group of scenes, whole, to one split; copies of a picture are of one group."""
    choice = choose_splits(labels, fractions, earlier or {})
    log_figures(
        {
            "scenes": count_splits(choice.splits),
            "groups": choice.groups,
            "split_rule": "; ".join(choice.told),
        }
    )
    return {scene_id: split.value for scene_id, split in choice.splits.items()}
