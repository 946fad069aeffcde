"""Submit steps as jobs: their folders and environments, and one place in the queue."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from zenml.utils.code_utils import CodeArchive, upload_code_if_necessary

from records.active_stack import artifact_store_path
from slurm.settings import SlurmConfig, SlurmSettings
from slurm.store_server import reachable_store
from utils import interrupts
from utils.errors import JobError, SpyglassError
from utils.files import write_whole
from utils.paths import PROJECT_ROOT, local_folder
from utils.privacy import TELEMETRY_OFF
from utils.slurm.commands import ControllerUnreachableError, cancel, find_job, submit
from utils.slurm.script import (
    LOG,
    OFFLINE,
    QUIET,
    SCRIPT,
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
_archiving = threading.Lock()
_TASK = "$SLURM_ARRAY_TASK_ID"


@dataclass(frozen=True, slots=True)
class PreparedJob:
    """A job whose folder is ready.

    Attributes:
        name: Name at Slurm; no other job has it.
        settings: Slurm options.
        files: Files in its folder.
    """

    name: str
    settings: SlurmSettings
    files: JobFiles


def prepare_job(
    info: StepRunInfo,
    settings: SlurmSettings,
    config: SlurmConfig,
    files: JobFiles,
    command: list[str],
    environment: dict[str, str],
) -> PreparedJob:
    """Write the script of a step's job, and its environment, which only its owner can read.

    Args:
        info: Description of the step.
        settings: Slurm options of the step.
        config: Options of the cluster.
        files: Files of the job: script, environment, log.
        command: Command that runs the step.
        environment: Environment variables from ZenML.
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
    code = _code(info.run_id) if config.code == "archive" else PROJECT_ROOT
    folder = Path.cwd()
    shared = [code.parent if code.is_file() else code, folder, local, Path(artifact_store_path())]
    script = job_script(command, settings, files, code=code, folder=folder, shared=shared)
    write_whole(files.script, script)
    name = f"spyglass-{info.config.name}-{info.step_run_id.hex[:12]}"
    return PreparedJob(name, settings, files)


def submit_jobs(jobs: Sequence[PreparedJob]) -> None:
    """Queue jobs with the same options, each once: one as it is, several as an array.

    Args:
        jobs: One or more jobs; their ids are written into their folders.

    Raises:
        JobError: If Slurm refuses them or does not answer for ten minutes, or if their ids cannot
            be kept: then they are cancelled.
    """
    first = jobs[0]
    if len(jobs) == 1:
        arguments = sbatch_arguments(first.name, first.settings, first.files.log)
        only = _submit_once(first.name, first.files.script, arguments)
        _keep_ids(only, {first.files.number: only})
        return
    folder = first.files.folder.parent / f"array-{uuid4().hex[:12]}"
    folder.mkdir()
    for number, job in enumerate(jobs):
        (folder / str(number)).symlink_to(job.files.folder)
    script = folder / SCRIPT
    write_whole(script, f'#!/bin/bash\nexec bash "{_escaped(folder)}/{_TASK}/{SCRIPT}"\n')
    limit = f"%{first.settings.array_limit}" if first.settings.array_limit else ""
    arguments = [
        *sbatch_arguments(first.name, first.settings, folder / LOG),
        f"--array=0-{len(jobs) - 1}{limit}",
        f"--output={str(folder).replace('%', '%%')}/%a/{LOG}",
    ]
    array = _submit_once(first.name, script, arguments)
    _keep_ids(array, {job.files.number: f"{array}_{place}" for place, job in enumerate(jobs)})


def remove_job(files: JobFiles) -> None:
    """Remove the folder of an ended job, and the array's folder after its last job."""
    shutil.rmtree(files.folder, ignore_errors=True)  # NFS may keep the open log a while
    for array in files.folder.parent.glob("array-*"):
        links = [path for path in array.glob("*") if path.is_symlink()]
        # An array without links is just being made.
        if links and not any(path.exists() for path in links):
            shutil.rmtree(array, ignore_errors=True)


def _keep_ids(queued: str, ids: Mapping[Path, str]) -> None:
    """Write the ids of queued jobs into their folders; cancel the jobs if that fails."""
    try:
        for path, job in ids.items():
            write_whole(path, job)
    except (OSError, SpyglassError) as error:
        cancel([queued])
        raise JobError(
            f"Slurm job {queued} was cancelled, because its id cannot be kept: {error} "
            "Make room on the shared file system, then run this again."
        ) from error


def _submit_once(name: str, script: Path, arguments: list[str]) -> str:
    """Queue a job, with retries while Slurm is away; a failed attempt may have worked after all."""
    for attempt in range(_MOST_RETRIES):
        try:
            if attempt and (known := find_job(name)):
                return known
            return submit(script, arguments)
        except ControllerUnreachableError as error:
            failure = error
            logger.warning("%s The job is submitted again in a moment.", error)
        if interrupts.is_interrupted():
            # Not as KeyboardInterrupt, which would end ZenML's thread that watches over the jobs.
            raise JobError(f"{failure} Ctrl-C was pressed before it did.")
        time.sleep(_RETRY_SECONDS)
    raise failure


def _code(run: UUID) -> Path:
    with _archiving:  # several shards are queued at once, and one copy is enough
        return _archive_of(run)


@lru_cache(maxsize=1)
def _archive_of(run: UUID) -> Path:
    """Copy the code for all jobs of a run, as it is when the first of them is queued."""
    del run  # the key of the cache: each run has a copy of its own
    return Path(upload_code_if_necessary(CodeArchive(root=str(PROJECT_ROOT))))


def _escaped(path: Path) -> str:
    """Escape a path for double quotes in bash."""
    text = str(path)
    for special in '\\"$`':
        text = text.replace(special, f"\\{special}")
    return text
