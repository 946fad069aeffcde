"""The flavor `slurm` of ZenML's step operators, and what can be configured of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import ConfigDict
from zenml.config.base_settings import BaseSettings
from zenml.step_operators import BaseStepOperatorConfig, BaseStepOperatorFlavor

from utils.slurm.options import JobOptions

if TYPE_CHECKING:
    from slurm.operator import SlurmStepOperator

FLAVOR = "slurm"


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


class SlurmStepOperatorFlavor(BaseStepOperatorFlavor):
    """Steps as jobs of a Slurm cluster."""

    @property
    def name(self) -> str:
        """The name in stack files."""
        return FLAVOR

    @property
    def config_class(self) -> type[SlurmConfig]:
        """What a stack file may say under `configuration`."""
        return SlurmConfig

    @property
    def implementation_class(self) -> type[SlurmStepOperator]:
        """What submits the jobs."""
        from slurm.operator import SlurmStepOperator

        return SlurmStepOperator
