"""Move model versions between stages."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from zenml.enums import ModelStages
from zenml.models import ModelVersionResponse

from commands.config_files import CONFIGS, read_yaml
from commands.console import ask
from commands.project import active_project
from commands.runs.configuration import RunConfiguration
from commands.runs.next_steps import (
    DETECTOR,
    LABELS,
    has_detector,
    to_detector,
    to_labels,
    to_staging,
)
from records.model_versions import version_in, versions_of
from utils.errors import MissingStageError
from utils.paths import local_folder


def model_to_promote(configurations: Sequence[RunConfiguration], file: Path | None) -> str:
    """Find the name of the model whose version moves.

    Args:
        configurations: Configurations of the pipelines in the same call; the first that names a
            model wins.
        file: Configuration given without a pipeline; by default the export's. Where it names
            none, the model is the project's.
    """
    for configuration in configurations:
        if configuration.model[0]:
            return configuration.model[0]
    model = read_yaml(file or CONFIGS / "data_export.yaml").get("model")
    name = model.get("name") if isinstance(model, dict) else None
    return str(name or active_project().model)


def promote(stage: str, model_name: str, file: Path | None = None) -> str:
    """Move a model version into a stage: the latest into staging, staging's into production.

    Args:
        stage: "staging" or "production".
        model_name: Name of the ZenML model.
        file: Configuration given with the command, for the commands in messages.

    Returns:
        One sentence that says what moved and what it replaced.

    Raises:
        MissingStageError: If there is no version to move, or it lacks what the stage is for.
    """
    current = version_in(model_name, stage)
    if stage == ModelStages.STAGING:
        candidate, passed_over = _latest_with_labels(model_name)
    else:
        candidate, passed_over = _from_staging(model_name, file), ""
    if stage == ModelStages.STAGING and candidate.stage == ModelStages.PRODUCTION:
        _require_consent(candidate, passed_over)
    if current is not None and current.id == candidate.id:
        return f"Version {candidate.number} of {model_name} is in {stage} already.{passed_over}"
    # By force, since a stage holds one version: ZenML archives the one that is there.
    candidate.set_stage(stage, force=True)
    replaced = f", replacing version {current.number} (now archived)" if current else ""
    return f"Version {candidate.number} of {model_name} is now in {stage}{replaced}.{passed_over}"


def _require_consent(version: ModelVersionResponse, passed_over: str) -> None:
    """Take a version out of production only if a person at the terminal says so.

    `--yes` is no consent: it answers questions that nobody has seen.
    """
    name = version.model.name
    what = (
        f"Version {version.number} of model '{name}', the latest with a {LABELS}, is in production"
    )
    if not ask(
        f"{what}. In staging it no longer serves: inference would have no detector. Move it?",
        yes=False,
    ):
        raise MissingStageError(
            f"{what} and stays there.{passed_over} "
            f"A training makes a new version from its labels. {to_detector(name)}"
        )


def _latest_with_labels(model_name: str) -> tuple[ModelVersionResponse, str]:
    """Find the latest version with a labelled dataset, and a sentence about later versions.

    A command that was cut off leaves a version without the artifact that it was to make.
    """
    without: list[int] = []
    for version in versions_of(model_name):
        if version.get_artifact(LABELS) is not None:
            return version, _passed_over(without)
        without.append(version.number)
    if without:
        raise MissingStageError(
            f"No version of model '{model_name}' has a {LABELS}, so none can go to staging. "
            f"{to_labels(model_name)}"
        )
    raise MissingStageError(
        f"Model '{model_name}' has no versions yet. {to_labels(model_name)}{_hint_at_demo()}"
    )


def _passed_over(numbers: Sequence[int]) -> str:
    if not numbers:
        return ""
    named = ", ".join(map(str, reversed(numbers)))
    return f" Passed over for want of a {LABELS}, as a command that was cut off leaves it: {named}."


def _hint_at_demo() -> str:
    """Return a hint at the demo's own store, if the demo has made anything there."""
    store = local_folder("zenml")
    is_ours = Path(os.environ.get("ZENML_CONFIG_PATH", "")).absolute() == store
    if is_ours or not any(store.iterdir()):
        return ""
    return f" (What the demo has made is in a store of its own: export ZENML_CONFIG_PATH={store})"


def _from_staging(model_name: str, file: Path | None) -> ModelVersionResponse:
    staged = version_in(model_name, ModelStages.STAGING)
    if staged is None:
        raise MissingStageError(
            f"No version of model '{model_name}' is in staging, so none can go to production. "
            f"{to_staging(model_name, file)}"
        )
    if not has_detector(staged):
        raise MissingStageError(
            f"Version {staged.number} of model '{model_name}' has no {DETECTOR}, so it cannot go "
            f"to production. {to_staging(model_name, file)}"
        )
    return staged
