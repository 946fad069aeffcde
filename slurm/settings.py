"""What can be configured of jobs of a Slurm cluster: of all of them, and of those of one step."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict
from zenml.config.base_settings import BaseSettings
from zenml.step_operators import BaseStepOperatorConfig

from utils.slurm.options import JobOptions


class SlurmSettings(JobOptions, BaseSettings):
    """What a step asks Slurm for."""

    model_config = ConfigDict(frozen=True, extra="allow")


class SlurmConfig(BaseStepOperatorConfig, SlurmSettings):
    """The cluster, and what every job on it is told."""

    folder: str | None = None
    """Where jobs leave their scripts and logs: a folder on the shared file system; by default one
    in the artifact store."""
    code: Literal["checkout", "archive"] = "checkout"
    """What jobs run: `checkout`, this project as it is when they start, or `archive`, a copy of it
    as it was when they were queued."""
    submit_host: str | None = None
    """The name or address by which nodes reach this machine, where ZenML has no server."""
