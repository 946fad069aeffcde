"""What a job runs: one step, unless an earlier attempt of the same job has finished it."""

from __future__ import annotations

import sys
from pathlib import Path
from uuid import UUID

from zenml.client import Client
from zenml.step_operators.step_operator_entrypoint_configuration import (
    STEP_RUN_ID_OPTION,
    StepOperatorEntrypointConfiguration,
)


class SlurmEntrypoint(StepOperatorEntrypointConfiguration):
    """ZenML's way to run a step, without a container around it."""

    def run(self) -> None:
        """Run the step.

        Slurm may start a job again that had come to its end, where its node failed then. What it
        has published stays as it is: nothing is run twice into the same artifact.

        ZenML would import every integration that is installed first, which takes longer than many a
        step: what the step needs of them is named in its own configuration and the stack's.
        """
        step_run = Client().zen_store.get_run_step(UUID(self.entrypoint_args[STEP_RUN_ID_OPTION]))
        if step_run.status.is_finished:
            print(f"Step '{step_run.name}' has ended as '{step_run.status.value}' already.")
            return
        self.prepare_code_environment()
        self._run_step(step=self.step, snapshot=self.snapshot)

    def prepare_code_environment(self) -> None:
        """Use the code in the working folder, to which the script of the job has changed."""
        if (folder := str(Path.cwd())) not in sys.path:
            sys.path.insert(0, folder)
