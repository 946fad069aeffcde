"""Run a version beside the one in production, as shadow or canary, and say how it does."""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Any

from zenml.enums import ModelStages
from zenml.models import ModelVersionResponse

import materializers  # noqa: F401  (tells ZenML how to load a bundle)
from commands.console import say
from commands.runs.execution import PlannedRun, run_pipeline
from commands.runs.model_needs import detector_to_serve
from commands.runs.next_steps import typed
from records.bundles import PackedVersion, packed_version
from records.model_versions import version_in
from utils.errors import BundleError, ConfigurationError
from utils.serving.challenge import ChallengerState, challenge_here, end_challenge
from utils.serving.options import DeploymentOptions
from utils.serving.running import RunningService, running_service
from utils.serving.service.challenge import unlike

STAGES = {stage.value for stage in ModelStages}


def challenge_planned(
    planned: PlannedRun, champion: ModelVersionResponse, *, yes: bool = False
) -> None:
    """Give the challenger of a deployment its shares; without shares, end that of the service.

    Args:
        planned: Planned deployment of the champion.
        champion: Version that is deployed.
        yes: Whether to answer yes to questions.

    Raises:
        ConfigurationError: If the challenger is the champion.
        MissingStageError: If there is no such version, or it has no detector.
        BundleError: If the bundle does not score as its detector does.
        ServiceError: If the service refuses it.
    """
    model = champion.model.name
    options: DeploymentOptions = planned.configuration.parameters["deployment"]
    service = running_service(model)
    if service is None:
        return
    if not options.challenges:
        _end(service)
        return
    challenger = challenger_version(planned, champion)
    if challenger is None:
        _end(service)
        say(
            f"No version of {model} is in {options.challenger}, so none challenges version "
            f"{champion.number}. Train one, and put it there with: "
            f"{typed(f'--promote {options.challenger}', model)}"
        )
        return
    packed = _packed(planned, champion, challenger, yes=yes)
    outcome, state = challenge_here(service, packed.bundle.load(), options)
    say(f"Version {state.version} {_told(outcome, state)}")
    for line in figures_of(state):
        say(f"  {line}")
    if state.is_over:
        say(f"  {retry(model)}")


def challenger_version(
    planned: PlannedRun, champion: ModelVersionResponse
) -> ModelVersionResponse | None:
    """Find the challenger of a deployment; None where its stage is empty or it asks for none.

    Raises:
        ConfigurationError: If the challenger is the champion.
        MissingStageError: If there is no such version, or it has no detector.
        BundleError: If its detector finds other classes, or another kind of shapes.
    """
    options: DeploymentOptions = planned.configuration.parameters["deployment"]
    model, wanted = champion.model.name, options.challenger
    is_empty = wanted in STAGES and version_in(model, wanted) is None
    if not options.challenges or is_empty:
        return None
    version = detector_to_serve(_of_version(planned, model, wanted).configuration)
    if version.id == champion.id:
        raise ConfigurationError(
            f"deployment.challenger: version {version.number} of {model} is the champion itself. "
            "Name another version, such as --set deployment.challenger=staging"
        )
    if told := unlike(_facts(champion), _facts(version)):
        raise BundleError(
            f"Version {version.number} does not challenge version {champion.number}. {told}"
        )
    return version


def _facts(version: ModelVersionResponse) -> dict[str, Any]:
    """Return kind and classes of a version's detector, as far as they are noted."""
    detector = version.get_artifact("trained_detector")
    noted = {} if detector is None else detector.run_metadata
    return {"kind": noted.get("kind"), "class_names": noted.get("classes")}


def _packed(
    planned: PlannedRun,
    champion: ModelVersionResponse,
    version: ModelVersionResponse,
    *,
    yes: bool = False,
) -> PackedVersion:
    """Return the evaluated bundle of a challenger; it is packed and evaluated if it was not."""
    model = champion.model.name
    packed = packed_version(version)
    if packed is None or packed.evaluation is None:
        run_pipeline(_of_version(planned, model, version.number), yes=yes)
        packed = packed_version(version_in(model, version.number) or version)
    if packed is None or not packed.is_deployable:
        verdict = packed.verdict if packed else f"Version {version.number} was not packed."
        raise BundleError(f"{verdict} It does not challenge version {champion.number}.")
    return packed


def _of_version(planned: PlannedRun, model: str, version: str | int) -> PlannedRun:
    configuration = planned.configuration
    settings = configuration.settings | {"model": {"name": model, "version": version}}
    return replace(planned, configuration=replace(configuration, settings=settings))


def figures_of(state: ChallengerState) -> list[str]:
    """Say what champion and challenger did since the challenge began."""
    lines = []
    for side, figures in state.figures.items():
        if side != "left_out" and (figures["answers"] or figures["errors"]):
            lines.append(
                f"{side}: {figures['answers']} answers, {figures['errors']} errors, 95 % within "
                f"{figures['p95_milliseconds']:.0f} ms"
            )
    if left_out := state.figures.get("left_out"):
        lines.append(f"left to the champion or not shadowed, since it was busy: {left_out}")
    answers = state.figures.get("champion", {}).get("answers", 0)
    if state.phase == "full" and answers < state.limits["requests"]:
        lines.append(
            f"its latency and objects are not compared, since the champion has given {answers} "
            f"answers of the {state.limits['requests']} that it takes; errors withdraw it as before"
        )
    return lines


def retry(model: str) -> str:
    """Say how a withdrawn challenger is tried again."""
    none = "--deploy --set deployment.shadow=0 --set deployment.canary=0"
    return f"To try it again, first end its challenge: {typed(none, model)}"


def to_champion(model: str, version: str) -> str:
    """Say how a challenger that answers all requests becomes the champion."""
    staged = version_in(model, ModelStages.STAGING.value)
    first = ""
    if staged is None or str(staged.number) != version:
        first = f"zenml model version update {shlex.quote(model)} {version} -s staging, then "
    promote, deploy = typed("--promote production", model), typed("--deploy", model)
    return f"To make it the champion: {first}{promote}, then {deploy}"


def _told(outcome: str, state: ChallengerState) -> str:
    if outcome == "over":
        return f"was {state.phase} as the challenger and is not tried again: {state.reason}."
    news = {"begun": "challenges it now", "changed": "has other shares now"}
    return f"{news.get(outcome, 'challenges it already')}: it {state.part}."


def _end(service: RunningService) -> None:
    ended = end_challenge(service)
    if ended is not None:
        say(f"The challenge of version {ended.version} is over, as the deployment asks for none.")
