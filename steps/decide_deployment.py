"""The trigger of a deployment."""

from __future__ import annotations

from typing import Annotated

from zenml import step

from records.bundles import is_in_production
from records.running_step import log_figures
from utils.evaluation.packed import PackedEvaluation


@step(enable_cache=False)
def decide_deployment(packed: PackedEvaluation) -> Annotated[bool, "deployment_decision"]:
    """Decide to deploy if the packed evaluation passed, and the version is in production now."""
    reason = "" if packed.passes else packed.verdict
    if not is_in_production(packed.model, packed.version):
        reason = f"Version {packed.version} of {packed.model} is not the one in production."
    log_figures({"deploys": not reason, "reason": reason or packed.verdict})
    return not reason
