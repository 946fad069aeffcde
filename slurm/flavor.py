"""The flavor `slurm` of ZenML's step operators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from zenml.step_operators import BaseStepOperatorFlavor

from slurm.settings import SlurmConfig

if TYPE_CHECKING:
    from slurm.operator import SlurmStepOperator

FLAVOR = "slurm"


class SlurmStepOperatorFlavor(BaseStepOperatorFlavor):
    """Steps as jobs of a Slurm cluster."""

    @property
    def name(self) -> str:
        """The name in stack files."""
        return FLAVOR

    @property
    def config_class(self) -> type[SlurmConfig]:
        """The keys that a stack file may have under `configuration`."""
        return SlurmConfig

    @property
    def implementation_class(self) -> type[SlurmStepOperator]:
        """The step operator, which submits the jobs."""
        from slurm.operator import SlurmStepOperator

        return SlurmStepOperator
