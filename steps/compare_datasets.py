"""Show what a new version of the labels brings."""

from __future__ import annotations

from typing import Annotated

from zenml import get_step_context, step
from zenml.types import HTMLString

from records.running_step import log_figures
from utils.dataset.changes import compare_datasets as compare
from utils.dataset.labeled import LabeledDataset
from utils.reports.changes_page import changes_page


@step
def compare_datasets(
    labels: LabeledDataset, previous: LabeledDataset | None = None
) -> Annotated[HTMLString, "dataset_changes"]:
    """Compare the labels with those of the version before."""
    changes = compare(previous or (), labels)
    inputs = get_step_context().inputs
    earlier = f"version {inputs['previous'][0].version}" if previous is not None else ""
    log_figures(changes.figures() | {"since": earlier or "the beginning"})
    later = f"version {inputs['labels'][0].version}"
    return HTMLString(changes_page(changes, earlier, later))
