"""The canary of a retrained version: begun, watched over several checks, and its end."""

from __future__ import annotations

from dataclasses import replace

from zenml.models import ModelVersionResponse

from commands.console import say
from commands.runs.execution import PlannedRun
from commands.runs.next_steps import typed
from commands.serving.challenge import figures_of
from commands.serving.deploy import deploy_planned, with_deployment
from records.model_versions import version_in
from records.monitored import reviewed_labels
from utils.errors import ConfigurationError
from utils.evaluation.options import EvaluationOptions, PromotionOptions
from utils.evaluation.shadow_agreement import SHADOW, Shadowed, agreement_rule
from utils.monitoring.shadowed import shadowed_of
from utils.monitoring.tables import read_notes
from utils.serving.challenge import ChallengerState, challenger_of
from utils.serving.monitored import service_notes
from utils.serving.options import DeploymentOptions
from utils.serving.running import running_service

_ALONE = {"shadow": 0.0, "canary": 0.0}


def require_end(planned: PlannedRun) -> None:
    """Make sure that the canary of a retraining ends without anybody.

    Raises:
        ConfigurationError: If it would answer its share for ever.
    """
    options = _options(planned)
    if options.canary and options.full_after is None:
        raise ConfigurationError(
            f"{planned.configuration.path} gives a retrained version {options.canary:.0%} of the "
            "requests and does not say for how long: name the answers without an error after which "
            "it is promoted, as deployment.full_after, or leave deployment.canary out."
        )


def is_tried(planned: PlannedRun, champion: ModelVersionResponse | None) -> bool:
    """Whether a version that won is tried as a canary first: beside a champion that serves."""
    return champion is not None and _options(planned).canary > 0 and _serves(champion)


def lacks_reviews(
    planned: PlannedRun,
    comparison: PlannedRun,
    champion: ModelVersionResponse,
    version: ModelVersionResponse,
    *,
    yes: bool,
) -> bool:
    """Have a version shadow the champion, until people have reviewed as much as a promotion asks.

    Args:
        planned: Deployment of the retraining.
        comparison: Comparison, with the number of shadowed images that it asks for.
        champion: Version in production.
        version: Version that was trained.
        yes: Whether to answer yes to questions.

    Raises:
        SpyglassError: If the shadow cannot be begun.
    """
    promotion: PromotionOptions = comparison.configuration.parameters["promotion"]
    options = _options(planned)
    if not promotion.shadow_images or not options.shadow or not _serves(champion):
        return False
    shadowed = _shadowed(champion, version)
    state = _state(version)
    is_over = state is not None and state.is_over
    if is_over or len(shadowed.champion) >= promotion.shadow_images:
        return False
    if state is None:
        only_shadow = options.updated(canary=0.0, full_after=None, challenger=version.number)
        deploy_planned(with_deployment(planned, only_shadow, champion), yes=yes)
    rule = agreement_rule(shadowed, promotion, EvaluationOptions())
    say(
        f"Version {version.number} waits for its comparison, which asks for "
        f"{promotion.shadow_images} shadowed and reviewed images: {rule.measured}."
    )
    return True


def _shadowed(champion: ModelVersionResponse, version: ModelVersionResponse) -> Shadowed:
    """The reviewed images that a version has shadowed and not learned from."""
    model, labels = version.model.name, version.get_artifact("labeled_dataset")
    learned = {tile.tile_id for tile in labels.load()} if labels else set()
    notes, reviews = read_notes([service_notes(model)]), reviewed_labels(model)
    found = shadowed_of(notes, reviews, str(champion.number), str(version.number), learned)
    return replace(found, deploy=typed(f"--deploy --set {SHADOW}", model))


def _serves(champion: ModelVersionResponse) -> bool:
    service = running_service(champion.model.name)
    return service is not None and service.served.version == str(champion.number)


def trial_of(planned: PlannedRun, version: ModelVersionResponse, *, yes: bool) -> bool | None:
    """Begin the canary of a version, or see how it does.

    Returns:
        Whether it has passed; None where it goes on.

    Raises:
        SpyglassError: If it cannot be begun.
    """
    state = _state(version)
    if state is None or (not state.is_over and not state.canary):  # a shadow becomes a canary
        options = _options(planned).updated(challenger=version.number)
        champion = version_in(version.model.name, "production")
        assert champion is not None  # noqa: S101 - `is_tried` has found it
        deploy_planned(with_deployment(planned, options, champion), yes=yes)
        state = _state(version)
    if state is None or state.phase in ("starting", "running"):
        say(f"The canary of version {version.number} goes on; a later check promotes it.")
        for line in figures_of(state) if state else ():
            say(f"  {line}")
        return None
    if state.is_over:
        say(f"The canary of version {version.number} was {state.phase}: {state.reason}.")
        return False
    say(f"The canary of version {version.number} has passed: {state.reason or 'it answers all'}.")
    return True


def alone(planned: PlannedRun) -> PlannedRun:
    """The deployment without a challenger, once the version is the champion."""
    return with_deployment(planned, _options(planned).updated(**_ALONE))


def _state(version: ModelVersionResponse) -> ChallengerState | None:
    """The challenger of the model's service, if it is this version."""
    service = running_service(version.model.name)
    state = None if service is None else challenger_of(service)
    return state if state is not None and state.version == str(version.number) else None


def _options(planned: PlannedRun) -> DeploymentOptions:
    options: DeploymentOptions = planned.configuration.parameters["deployment"]
    return options
