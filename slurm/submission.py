"""A step as a job: its folder, its environment, and one place in the queue."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING

from zenml.client import Client
from zenml.utils.code_utils import CodeArchive, upload_code_if_necessary

from slurm.flavor import SlurmConfig, SlurmSettings
from slurm.store_server import reachable_store
from utils import interrupts
from utils.files import write_whole
from utils.paths import PROJECT_ROOT, local_folder
from utils.privacy import TELEMETRY_OFF
from utils.slurm.commands import ControllerUnreachableError, find_job, submit
from utils.slurm.script import (
    OFFLINE,
    QUIET,
    JobFiles,
    environment_file,
    job_script,
    sbatch_arguments,
)

if TYPE_CHECKING:
    from zenml.config.step_run_info import StepRunInfo

logger = logging.getLogger("slurm")
_RETRY_SECONDS = 5.0
_MOST_RETRIES = 120


def submit_job(
    info: StepRunInfo,
    settings: SlurmSettings,
    config: SlurmConfig,
    files: JobFiles,
    command: list[str],
    environment: dict[str, str],
) -> str:
    """Write the script of a step's job and queue it, once.

    Args:
        info: About the step.
        settings: What it asks for.
        config: The cluster.
        files: Where its script and log go.
        command: What runs the step.
        environment: What ZenML tells it.

    Returns:
        The job's id.

    Raises:
        JobError: If Slurm refuses it, or does not answer for ten minutes.
    """
    files.folder.mkdir(parents=True, exist_ok=True)
    files.folder.chmod(0o700)
    local = local_folder()
    variables = {
        **TELEMETRY_OFF,
        **OFFLINE,
        **QUIET,
        "SPYGLASS_LOCAL": str(local),
        **reachable_store(environment, config.submit_host),
    }
    write_whole(files.environment, environment_file(variables))
    files.environment.chmod(0o600)
    code = _code(config)
    shared = [code.parent if code.is_file() else code, local, _artifact_store()]
    write_whole(files.script, job_script(command, settings, files, code, shared))
    name = f"spyglass-{info.pipeline_step_name}-{info.step_run_id.hex[:12]}"
    job = _submit_once(name, files.script, sbatch_arguments(name, settings, files.log))
    write_whole(files.number, job)
    return job


def _submit_once(name: str, script: Path, arguments: list[str]) -> str:
    """Queue a job although Slurm may be away; an attempt that seemed to fail may have worked."""
    for attempt in range(_MOST_RETRIES):
        try:
            if attempt and (known := find_job(name)):
                return known
            return submit(script, arguments)
        except ControllerUnreachableError as error:
            failure = error
            logger.warning("%s The job is submitted again in a moment.", error)
        interrupts.check()
        time.sleep(_RETRY_SECONDS)
    raise failure


def _code(config: SlurmConfig) -> Path:
    if config.code == "archive":
        return Path(upload_code_if_necessary(CodeArchive(root=str(PROJECT_ROOT))))
    return PROJECT_ROOT


def _artifact_store() -> Path:
    return Path(Client().active_stack.artifact_store.path)
