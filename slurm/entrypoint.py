"""What a job runs: one step, unless another attempt of the same job has finished it."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from uuid import UUID

from zenml.client import Client
from zenml.step_operators.step_operator_entrypoint_configuration import (
    STEP_RUN_ID_OPTION,
    StepOperatorEntrypointConfiguration,
)

from utils.garbage import collect_seldom
from utils.slurm.script import ATTEMPT_VARIABLE, LAST_ATTEMPT_VARIABLE

_POLL_SECONDS = 1.0


class SlurmEntrypoint(StepOperatorEntrypointConfiguration):
    """ZenML's way to run a step, without a container around it."""

    def run(self) -> None:
        """Run the step.

        Slurm may start a job again that had come to its end, where its node failed then. What it
        has published stays as it is: nothing is run twice into the same artifact.

        ZenML would import every integration that is installed first, which takes longer than many a
        step: what the step needs of them is named in its own configuration and the stack's.
        """
        collect_seldom()
        threading.Thread(target=_end_when_superseded, daemon=True).start()
        step_run = Client().zen_store.get_run_step(UUID(self.entrypoint_args[STEP_RUN_ID_OPTION]))
        if step_run.status.is_finished:
            print(f"Step '{step_run.name}' has ended as '{step_run.status.value}' already.")
            return
        self._run_step(step=self.step, snapshot=self.snapshot)

    def prepare_code_environment(self) -> None:
        """Nothing: the script of the job has put the code where Python finds it."""


def _end_when_superseded() -> None:
    """End this process once another attempt of its job has begun.

    A node that Slurm has given up may go on computing: it must not publish anything any more.
    """
    own, last = os.environ[ATTEMPT_VARIABLE], Path(os.environ[LAST_ATTEMPT_VARIABLE])
    while last.read_text().strip() == own:
        time.sleep(_POLL_SECONDS)
    print("Another attempt of this job has begun elsewhere: this one ends.", flush=True)
    os._exit(1)
