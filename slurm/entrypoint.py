"""The entry point of a job: run one step, unless another attempt has finished it."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from uuid import UUID

from zenml.step_operators.step_operator_entrypoint_configuration import (
    STEP_RUN_ID_OPTION,
    StepOperatorEntrypointConfiguration,
)

from records.runs import step_run
from utils.garbage import collect_seldom
from utils.slurm.script import ATTEMPT_VARIABLE, LAST_ATTEMPT_VARIABLE

_POLL_SECONDS = 1.0


class SlurmEntrypoint(StepOperatorEntrypointConfiguration):
    """ZenML's way to run a step, without a container around it."""

    def run(self) -> None:
        """Run the step.

        Slurm may start a job again that had ended, if its node failed then. The published results
        stay as they are: no step runs twice into the same artifact.

        ZenML would first import every installed integration, which takes longer than many a step.
        The configurations of the step and the stack name the integrations that it needs.
        """
        collect_seldom()
        threading.Thread(target=_end_when_superseded, daemon=True).start()
        found = step_run(UUID(self.entrypoint_args[STEP_RUN_ID_OPTION]))
        if found.status.is_finished:
            print(f"Step '{found.name}' has ended as '{found.status.value}' already.")
            return
        self._run_step(step=self.step, snapshot=self.snapshot)

    def prepare_code_environment(self) -> None:
        """Do nothing: the script of the job has put the code where Python finds it."""


def _end_when_superseded() -> None:
    """End this process once another attempt of its job has begun.

    A node that Slurm has given up may continue to compute: it must not publish results any more.
    """
    own, last = os.environ[ATTEMPT_VARIABLE], Path(os.environ[LAST_ATTEMPT_VARIABLE])
    while last.read_text().strip() == own:
        time.sleep(_POLL_SECONDS)
    print("Another attempt of this job has begun elsewhere: this one ends.", flush=True)
    os._exit(1)
