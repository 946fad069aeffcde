"""Deploy a bundle, if the trigger says so."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from zenml import step

from records.bundles import note_deployment
from records.running_step import log_figures
from utils.serving import deployment as deployments
from utils.serving.bundle import Bundle
from utils.serving.options import DeploymentOptions


@step(enable_cache=False)
def deploy_bundle(
    bundle: Bundle, decision: bool, deployment: DeploymentOptions
) -> Annotated[dict[str, str], "deployment"]:
    """Start the service, or switch it to this bundle, and wait until it is ready."""
    if not decision:
        return {"change": "none"}
    facts = asdict(deployments.deploy_bundle(bundle, deployment))
    note_deployment(facts["model"], facts["version"], facts["where"], facts["address"])
    log_figures(facts)
    return facts
