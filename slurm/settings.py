"""Options of jobs on a Slurm cluster: of all jobs, and of the jobs of one step."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict
from zenml.config.base_settings import BaseSettings
from zenml.step_operators import BaseStepOperatorConfig

from utils.slurm.options import JobOptions


class SlurmSettings(JobOptions, BaseSettings):
    """Slurm options of a step."""

    model_config = ConfigDict(frozen=True, extra="allow")


class SlurmConfig(BaseStepOperatorConfig, SlurmSettings):
    """The cluster, and the options of every job on it."""

    folder: str | None = None
    """Folder for the scripts and logs of jobs, on the shared file system; by default one in the
    artifact store."""
    code: Literal["checkout", "archive"] = "checkout"
    """Code that jobs run: `checkout`, this project as it is when they start, or `archive`, a copy
    of it as it was when they were queued."""
    submit_host: str | None = None
    """Name or address by which nodes reach this machine, where ZenML has no server."""
