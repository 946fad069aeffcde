"""Preparations for jobs of a cluster, whose nodes reach no internet."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from zenml.enums import StackComponentType
from zenml.models import StackResponse

from commands.config_files import first_problem
from commands.runs.configuration import RunConfiguration
from slurm.flavor import FLAVOR
from slurm.settings import SlurmSettings
from utils.detection.ultralytics.options import TrainingOptions
from utils.errors import ConfigurationError, JobError
from utils.scenes.options import HuggingFaceSource

_READ_SOURCE = ("tile_scenes", "predict_scenes")


def has_cluster(stack: StackResponse) -> bool:
    """Whether steps on a stack can be jobs of Slurm."""
    operators = stack.components.get(StackComponentType.STEP_OPERATOR, [])
    return any(operator.flavor_name == FLAVOR for operator in operators)


def prepare_for_jobs(configuration: RunConfiguration) -> None:
    """Check the options of jobs, and download here what nodes cannot download themselves.

    Args:
        configuration: Configuration of a run on a stack with a cluster.

    Raises:
        ConfigurationError: If an option of a step makes no sense to Slurm, or its job would need
            the internet.
        DetectorError: If the weights to start from cannot be downloaded.
        JobError: If this machine cannot submit jobs.
    """
    jobs = _jobs(configuration.settings)
    for step, settings in jobs.items():
        try:
            SlurmSettings.model_validate(settings)
        except ValidationError as error:
            place = f"{configuration.path}: steps.{step}.settings.step_operator"
            raise ConfigurationError(f"{place}.{first_problem(error)}") from None
    if jobs and shutil.which("sbatch") is None:
        raise JobError(
            f"The stack '{configuration.stack}' runs steps as jobs of Slurm, and this machine has "
            "no sbatch. Start this on a login node of the cluster."
        )
    if any(step in jobs for step in _READ_SOURCE):
        _check_source(configuration.parameters.get("source"))
    training = configuration.parameters.get("training")
    if "train_detector" in jobs and isinstance(training, TrainingOptions):
        # The download happens on this login node; the job finds the weights in the shared folder.
        from utils.detection.ultralytics.checkpoint import resolve_checkpoint

        resolve_checkpoint(training)


def _jobs(settings: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the Slurm options of each step that is a job, by its name."""
    return {
        name: (step.get("settings") or {}).get("step_operator") or {}
        for name, step in (settings.get("steps") or {}).items()
        if step.get("step_operator")
    }


def _check_source(source: Any) -> None:
    if isinstance(source, HuggingFaceSource) and not Path(source.dataset).expanduser().is_dir():
        raise ConfigurationError(
            f"parameters.source.dataset: {source.dataset} would be read from the internet, which "
            "jobs do not reach. Fetch it to the shared file system with: hf download "
            f"{source.dataset} --repo-type dataset --local-dir DIR; then set source.dataset=DIR"
        )
