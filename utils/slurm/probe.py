"""Trying a cluster before it is relied on: would it take a job, and what does a node see?"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from utils.errors import JobError
from utils.files import write_whole
from utils.slurm.commands import cancel, own_jobs, submit, would_take
from utils.slurm.endings import last_line
from utils.slurm.options import JobOptions
from utils.slurm.script import JobFiles, job_script, sbatch_arguments
from utils.slurm.states import Phase

_POLL_SECONDS = 1.0
_NAME = "spyglass-check"
_SILENT = "it printed nothing, as where a node does not see the folder of its log"


def check_options(options: JobOptions, folder: Path) -> str:
    """Ask Slurm whether it would take a job, without queueing one.

    Args:
        options: Options of the job.
        folder: On the shared file system.

    Returns:
        What Slurm says.

    Raises:
        JobError: If it would not, with its reason.
    """
    script = folder / f"{uuid4().hex}.sh"
    write_whole(script, "#!/bin/bash\n")
    try:
        said = would_take(script, sbatch_arguments(_NAME, options, folder / "log"))
    finally:
        script.unlink()
    return said


def run_probe(
    command: Sequence[str],
    options: JobOptions,
    folder: Path,
    *,
    code: Path,
    shared: Sequence[Path],
    timeout_s: float,
) -> str | None:
    """Run a command in a job, in the environment of the steps.

    Args:
        command: Its first part is `python`.
        options: Options of the job.
        folder: On the shared file system; receives the job's folder, which stays where it fails.
        code: The checkout.
        shared: The folders that a container must see.
        timeout_s: How long to wait for its end.

    Returns:
        The last line that it prints, or None where it had not begun in time.

    Raises:
        JobError: If it fails.
    """
    files = JobFiles(folder / f"check-{uuid4().hex[:12]}")
    files.folder.mkdir(parents=True)
    write_whole(files.environment, "")
    script = job_script(command, options, files, code=code, folder=code, shared=shared)
    write_whole(files.script, script)
    job = submit(files.script, sbatch_arguments(_NAME, options, files.log))
    deadline = time.monotonic() + timeout_s
    while not files.ending.is_file():
        state = own_jobs().get(job)
        if state and state.phase is Phase.FAILED:
            break
        if time.monotonic() > deadline:
            cancel([job])
            return None
        time.sleep(_POLL_SECONDS)
    said = last_line(files.log.read_text(errors="replace")) if files.log.is_file() else ""
    if not files.ending.is_file() or int(files.ending.read_text()):
        raise JobError(
            f"The job {job} fails: {said.rstrip('.') or _SILENT}. Its log is {files.log}."
        )
    shutil.rmtree(files.folder, ignore_errors=True)  # NFS may keep the open log a while
    return said
