"""The batch script of a job and the options of sbatch."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from utils.slurm.options import JobOptions

# Compute nodes are often offline; with these variables a missing download fails at once.
OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "YOLO_OFFLINE": "true",
    "PIP_NO_INDEX": "1",
}
# google.api_core warns at every import that Python 3.11 will one day reach its end of life.
QUIET = {"PYTHONWARNINGS": "ignore::FutureWarning"}
ENVIRONMENT, LOG, SCRIPT = "environment", "log", "job.sh"
# Some shells do not pass their function `module` on to the job.
_KNOWS_MODULES = (
    "command -v module > /dev/null || for init in /etc/profile.d/{modules,lmod,z00_lmod}.sh; do "
    '[ ! -r "$init" ] || source "$init"; done'
)
# A container does not see $TMPDIR by itself, where the job keeps its code and its ZenML settings.
_SEES_SCRATCH = 'export APPTAINER_BIND="$scratch${APPTAINER_BIND:+,$APPTAINER_BIND}"'
# The attempt that a process belongs to, and the file that names the one that has begun last.
ATTEMPT_VARIABLE, LAST_ATTEMPT_VARIABLE = "SPYGLASS_ATTEMPT", "SPYGLASS_LAST_ATTEMPT"


@dataclass(frozen=True, slots=True)
class JobFiles:
    """The folder of a job on the shared file system; only its owner may read it.

    Attributes:
        folder: Absolute.
    """

    folder: Path

    @property
    def script(self) -> Path:
        """The script that sbatch receives."""
        return self.folder / SCRIPT

    @property
    def environment(self) -> Path:
        """Variables of the job, secrets among them."""
        return self.folder / ENVIRONMENT

    @property
    def log(self) -> Path:
        """The file with the output of the job, over all its attempts."""
        return self.folder / LOG

    @property
    def number(self) -> Path:
        """Holds the job's id at Slurm."""
        return self.folder / "id"

    @property
    def attempt(self) -> Path:
        """Names the attempt that has begun last."""
        return self.folder / "attempt"

    @property
    def ending(self) -> Path:
        """Holds the exit code of the last attempt that came to its end."""
        return self.folder / "exit"


def sbatch_arguments(name: str, options: JobOptions, log: Path) -> list[str]:
    """The options of sbatch for a job.

    Args:
        name: Name of the job.
        options: Options that the user asks for.
        log: Receives what the job prints.
    """
    values = {
        "job-name": name,
        "output": _without_patterns(log),
        "open-mode": "append",  # a job that is requeued goes on with its log
        "nodes": "1",
        "ntasks": "1",
        "partition": options.partition,
        "account": options.account,
        "qos": options.qos,
        "time": options.time,
        "cpus-per-task": options.cpus,
        "mem": options.memory,
        "gpus-per-node": options.gpus,
        "gres": options.gres,
        "constraint": options.constraint,
    }
    given = [f"--{key}={value}" for key, value in values.items() if value is not None]
    # A node may fail and a job may have to make room: it begins again, and a training goes on.
    return ["--parsable", "--requeue", *given, *options.options]


def job_script(
    command: Sequence[str],
    options: JobOptions,
    files: JobFiles,
    *,
    code: Path,
    folder: Path,
    shared: Sequence[Path],
) -> str:
    """The script of a job, in bash.

    Args:
        command: Command to run; the first part is `python`, that of the job's environment.
        options: Options of the job.
        files: Where its environment is and its exit code goes.
        code: The checkout, or an archive (.tar.gz) of it.
        folder: Where it runs, so that relative paths mean what they meant to the user.
        shared: The folders that a container must see.
    """
    quoted = shlex.quote
    lines = [
        "#!/bin/bash",
        "# Written by Spyglass for one job of Slurm.",
        f"source {quoted(str(files.environment))}",
        f"export {LAST_ATTEMPT_VARIABLE}={quoted(str(files.attempt))}",
        f'export {ATTEMPT_VARIABLE}="$SLURM_JOB_ID-$SLURM_RESTART_COUNT on $(hostname)"',
        f'echo "${ATTEMPT_VARIABLE}" > "${LAST_ATTEMPT_VARIABLE}"',
        'scratch=$(mktemp -d "${TMPDIR:-/tmp}/spyglass-XXXXXX") || exit 1',
        "trap 'rm -rf \"$scratch\"' EXIT",
        'export ZENML_CONFIG_PATH="$scratch/zenml"',
        *([_KNOWS_MODULES] if options.modules else []),
        *options.setup,
        *(f"module load {quoted(module)} || exit 1" for module in options.modules),
        *([_SEES_SCRATCH] if options.apptainer else []),
        *_code_lines(code),
        f"cd {quoted(str(folder))} || exit 1",
        shlex.join(_in_environment(command, options, files, shared)),
        "code=$?",
        f'echo "$code" > {quoted(str(files.ending))}',
        'exit "$code"',
    ]
    return "\n".join(lines) + "\n"


def environment_file(variables: Mapping[str, str]) -> str:
    """The variables of a job as bash reads them."""
    lines = [f"export {name}={shlex.quote(value)}" for name, value in sorted(variables.items())]
    return "\n".join(lines) + "\n"


def _code_lines(code: Path) -> list[str]:
    quoted = shlex.quote(str(code))
    if not code.name.endswith(".tar.gz"):
        return [f"export PYTHONPATH={quoted}${{PYTHONPATH:+:$PYTHONPATH}}"]
    return [
        f'mkdir "$scratch/code" && tar -xzf {quoted} -C "$scratch/code" || exit 1',
        'export PYTHONPATH="$scratch/code${PYTHONPATH:+:$PYTHONPATH}"',
    ]


def _in_environment(
    command: Sequence[str], options: JobOptions, files: JobFiles, shared: Sequence[Path]
) -> list[str]:
    python, *arguments = command
    if options.venv:
        return [str(Path(options.venv) / "bin" / "python"), *arguments]
    if not options.apptainer:
        # Modules bring a Python of their own; without, that of this process runs the jobs too.
        return [python if options.modules else sys.executable, *arguments]
    binds = [f"--bind={folder}" for folder in dict.fromkeys([files.folder, *shared])]
    gpu = ["--nv"] if options.gpus or "gpu" in (options.gres or "") else []
    own = options.apptainer_options
    return ["apptainer", "exec", *gpu, *binds, *own, options.apptainer, "python", *arguments]


def _without_patterns(path: Path) -> str:
    """A path in which Slurm replaces nothing: it would take %j for the job's id."""
    return str(path).replace("%", "%%")
