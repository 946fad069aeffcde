"""The programs of Slurm: sbatch, squeue, sacct, scontrol, scancel."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from utils.errors import JobError
from utils.slurm.refusals import remedy
from utils.slurm.states import (
    SACCT_FORMAT,
    SQUEUE_FORMAT,
    JobState,
    parse_sacct,
    parse_scontrol,
    parse_squeue,
)

_SECONDS = 120
_UNREACHABLE = re.compile(
    r"unable to contact slurm controller|socket timed out|zero bytes were transmitted|"
    r"connection refused|connect failure|communication (connection|shutdown) failure|"
    r"temporarily (unable|unavailable)|transport endpoint|munge",
    re.IGNORECASE,
)
_PREFIX = re.compile(r"^(sbatch|squeue|sacct|scontrol|scancel): (error: )?", re.MULTILINE)


class ControllerUnreachableError(JobError):
    """Slurm does not answer at the moment; jobs that run go on."""


def submit(script: Path, arguments: Sequence[str]) -> str:
    """Queue a job.

    Returns:
        Its id.

    Raises:
        ControllerUnreachableError: If Slurm does not answer, though it may have taken the job.
        JobError: If Slurm refuses it.
    """
    shown = _run(["sbatch", *arguments, str(script)])
    return shown.strip().splitlines()[-1].partition(";")[0]  # `id;cluster`


def would_take(script: Path, arguments: Sequence[str]) -> str:
    """Slurm's answer to a job that it would take; none is queued.

    Raises:
        ControllerUnreachableError: If Slurm does not answer.
        JobError: If it would refuse it.
    """
    said = _ran(["sbatch", "--test-only", *arguments, str(script)]).stderr
    return " ".join(_PREFIX.sub("", said).split())


def own_jobs() -> dict[str, JobState]:
    """The user's jobs, those included that have ended minutes ago, by id.

    Raises:
        ControllerUnreachableError: If Slurm does not answer.
    """
    everything = ["--me", "--states=all", "--array", "--noheader", f"--format={SQUEUE_FORMAT}"]
    return parse_squeue(_run(["squeue", *everything]))


def find_job(name: str) -> str | None:
    """The id of the user's job of a name, of an array as a whole; None where there is none.

    Raises:
        ControllerUnreachableError: If Slurm does not answer.
    """
    wanted = ["--me", "--states=all", "--noheader", f"--name={name}", "--format=%F"]
    return next(iter(_run(["squeue", *wanted]).split()), None)


def ended_job(job: str) -> JobState | None:
    """The state of a job that has left the queue, None where Slurm remembers nothing of it.

    Accounting knows it for long, but not every cluster has accounting.

    Raises:
        ControllerUnreachableError: If Slurm does not answer.
    """
    if found := _accounted(job):
        return found
    try:
        return parse_scontrol(_run(["scontrol", "show", "job", "--oneliner", job]))
    except ControllerUnreachableError:
        raise
    except JobError:  # it has forgotten the job
        return None


def cancel(jobs: Iterable[str]) -> None:
    """End jobs, queued or running; those that have ended already are no error.

    Raises:
        ControllerUnreachableError: If Slurm does not answer.
    """
    if wanted := list(jobs):
        _run(["scancel", "--quiet", *wanted])


def _accounted(job: str) -> JobState | None:
    wanted = ["--noheader", "--parsable2", "--allocations", f"--format={SACCT_FORMAT}"]
    try:
        return parse_sacct(_run(["sacct", *wanted, f"--jobs={job}"])).get(job)
    except JobError:
        return None


def _run(command: list[str]) -> str:
    """The output of a program; see `_ran`."""
    return _ran(command).stdout


def _ran(command: list[str]) -> subprocess.CompletedProcess[str]:
    """A program that has run well.

    Raises:
        ControllerUnreachableError: If Slurm does not answer.
        JobError: If the program is missing or fails.
    """
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except FileNotFoundError:
        raise JobError(
            f"There is no {command[0]} on this machine. Start this on a login node of the cluster."
        ) from None
    except subprocess.TimeoutExpired:
        raise ControllerUnreachableError(
            f"{command[0]} did not answer within {_SECONDS} s."
        ) from None
    if ran.returncode == 0:
        return ran
    said = " ".join(_PREFIX.sub("", ran.stderr).split()) or f"exit code {ran.returncode}"
    if _UNREACHABLE.search(said):
        raise ControllerUnreachableError(f"Slurm does not answer: {said}.")
    refused = f"{command[0]} fails: {said.rstrip('.')}."
    raise JobError(f"{refused} {remedy(said)}".rstrip())
