"""The checks of a stack whose steps are jobs of Slurm."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

from zenml.enums import StackComponentType
from zenml.models import ComponentResponse, StackResponse

from commands.runs.configuration import read_yaml
from commands.stacks.node_checks import check_node
from commands.stacks.report import Report
from slurm.flavor import FLAVOR
from slurm.settings import SlurmSettings
from utils.errors import JobError
from utils.slurm.commands import own_jobs
from utils.slurm.probe import check_options


def check_cluster(report: Report, stack: StackResponse, files: Iterable[Path]) -> None:
    """Check the queue, what each step asks for, and what a node sees, where there is a cluster.

    Args:
        report: Receives the results.
        stack: As registered.
        files: The configurations that say what steps ask for.
    """
    operators = stack.components.get(StackComponentType.STEP_OPERATOR, [])
    cluster = next((part for part in operators if part.flavor_name == FLAVOR), None)
    if cluster is None:
        return
    report.check("Slurm", _check_queue)
    (store,) = stack.components[StackComponentType.ARTIFACT_STORE]
    folder = Path(
        cluster.configuration.get("folder") or f"{store.configuration['path']}/slurm-jobs"
    )
    report.check("shared folder", partial(_check_folder, folder))
    steps = _asked_for(cluster, files)
    for step, asked in steps.items():
        report.check(f"job of {step}", partial(_check_step, asked, folder))
    least = SlurmSettings.model_validate(cluster.configuration).model_copy(
        update={"time": "00:05:00", "array": False}
    )
    report.check(
        "a job", partial(check_node, least, folder, cluster.configuration.get("submit_host"))
    )


def is_cluster(component: ComponentResponse) -> bool:
    """Whether `check_cluster` checks a component."""
    return component.flavor_name == FLAVOR


def _asked_for(cluster: ComponentResponse, files: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """What each step asks for: of several files that of the first holds."""
    asked: dict[str, dict[str, Any]] = {}
    for file in files:
        document = read_yaml(file)
        steps = document.get("steps") or (document.get("defaults") or {}).get("steps") or {}
        for name, step in steps.items():
            own = (step.get("settings") or {}).get("step_operator") or {}
            asked[name] = {**own, **asked.get(name, {})}
    return {name: {**cluster.configuration, **own} for name, own in asked.items()}


def _check_queue() -> str:
    waiting = [job for job, state in own_jobs().items() if state.name in ("PENDING", "RUNNING")]
    return f"answers; {len(waiting)} of your jobs are in the queue"


def _check_folder(folder: Path) -> str:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise JobError(
            f"{folder} cannot be made ({error.strerror}). Name one of yours in the stack's file."
        ) from None
    return str(folder)


def _check_step(asked: dict[str, Any], folder: Path) -> str:
    try:
        return check_options(SlurmSettings.model_validate(asked), folder)
    except JobError as error:
        raise JobError(
            f"{error} It stands in settings.step_operator of the step, or in the stack's file."
        ) from None
