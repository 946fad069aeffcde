"""Move model versions between stages."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from zenml.client import Client
from zenml.enums import ModelStages
from zenml.models import ModelVersionResponse

from commands.configuration import CONFIGS, RunConfiguration, read_yaml
from utils.errors import ConfigurationError, MissingStageError
from utils.paths import local_folder


def model_to_promote(configurations: Sequence[RunConfiguration], file: Path | None) -> str:
    """The name of the model that `--promote` is about.

    Args:
        configurations: Those of the pipelines in the same call; the first that names a model.
        file: A configuration given without a pipeline; by default that of the export.

    Raises:
        ConfigurationError: If the file names no model.
    """
    for configuration in configurations:
        if configuration.model[0]:
            return configuration.model[0]
    path = file or CONFIGS / "data_export.yaml"
    model = read_yaml(path).get("model")
    if not isinstance(model, dict) or "name" not in model:
        raise ConfigurationError(f"{path} names no model: give it model: {{name: ...}}.")
    return str(model["name"])


def promote(stage: str, model_name: str) -> str:
    """Move a model version into a stage: the latest into staging, staging's into production.

    Args:
        stage: "staging" or "production".
        model_name: Of the ZenML model.

    Returns:
        One sentence that says what moved and what it replaced.

    Raises:
        MissingStageError: If there is no version to move, or it lacks what the stage is for.
    """
    current = version_in(model_name, stage)
    candidate = _latest(model_name) if stage == ModelStages.STAGING else _from_staging(model_name)
    needed = "labeled_dataset" if stage == ModelStages.STAGING else "trained_detector"
    if current is not None and current.id == candidate.id:
        return f"Version {candidate.number} of {model_name} is in {stage} already."
    if candidate.get_artifact(needed) is None:
        remedy = "--export" if stage == ModelStages.STAGING else "--training"
        raise MissingStageError(
            f"Version {candidate.number} of model '{model_name}' has no {needed}, so it cannot go "
            f"to {stage}. Make one with: python run.py {remedy}"
        )
    candidate.set_stage(stage, force=True)
    replaced = f", replacing version {current.number} (now archived)" if current else ""
    return f"Version {candidate.number} of {model_name} is now in {stage}{replaced}."


def version_in(model_name: str, version: str) -> ModelVersionResponse | None:
    """The version of a model with that number, name or stage, or None."""
    try:
        return Client().get_model_version(model_name, version)
    except KeyError:
        return None


def _latest(model_name: str) -> ModelVersionResponse:
    latest = version_in(model_name, ModelStages.LATEST)
    if latest is None:
        raise MissingStageError(
            f"Model '{model_name}' has no versions yet. Make one with: python run.py --export"
            f"{_hint_at_demo()}"
        )
    return latest


def _hint_at_demo() -> str:
    """Where what `make demo` has made is to be found, if anything was made there."""
    store = local_folder("zenml")
    is_ours = Path(os.environ.get("ZENML_CONFIG_PATH", "")).absolute() == store
    if is_ours or not any(store.iterdir()):
        return ""
    return f" (What the demo has made is in a store of its own: export ZENML_CONFIG_PATH={store})"


def _from_staging(model_name: str) -> ModelVersionResponse:
    staged = version_in(model_name, ModelStages.STAGING)
    if staged is None:
        raise MissingStageError(
            f"No version of model '{model_name}' is in staging, so none can go to production. "
            "Promote one with: python run.py --promote staging"
        )
    return staged
