"""Find the scenes of a dataset that a detector has not learned from."""

from __future__ import annotations

from typing import Annotated

from zenml import step

from records.running_step import log_figures
from utils.dataset.labeled import LabeledDataset
from utils.dataset.options import SplitFractions
from utils.dataset.split_choice import unseen_splits
from utils.dataset.splits import count_splits


@step
def find_unseen_scenes(
    labels: LabeledDataset, trained_on: dict[str, str], fractions: SplitFractions
) -> Annotated[dict[str, str], "judging_splits"]:
    """Keep the splits of a training, and split later scenes as that training would have."""
    splits = unseen_splits(labels, trained_on, fractions)
    log_figures({"scenes": count_splits(splits)})
    return {scene: split.value for scene, split in splits.items()}
