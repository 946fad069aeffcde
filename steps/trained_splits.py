"""How the training of a model shared out its scenes."""

from __future__ import annotations

from collections.abc import Mapping

from zenml import get_step_context

from utils.dataset.options import SplitFractions
from utils.dataset.splits import held_out


def scenes_held_out(groups: Mapping[str, str]) -> set[str]:
    """The scenes from which the model version of the running step does not learn.

    Those that its training did not know are shared out as it would have done; by the default
    fractions where nothing is known of it.

    Args:
        groups: The group of each scene, by scene id, from `groups_of`.

    Raises:
        DatasetError: If a scene is pinned to two splits.
        SourceError: If a list of pinned scenes cannot be read.
    """
    splits = get_step_context().model.get_artifact("splits")
    if splits is None:
        return held_out(groups, {}, SplitFractions())
    parameters = splits.step.config.parameters if splits.producer_step_run_id else {}
    fractions = SplitFractions.model_validate(parameters.get("fractions", {}))
    return held_out(groups, splits.load(), fractions)
