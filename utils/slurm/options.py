"""Options of a job of Slurm, and of its environment."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

# Options that Spyglass sets itself, each with the reason why users cannot give it.
_RESERVED = {
    "array": "set array: true instead",
    "a": "set array: true instead",
    "chdir": "jobs run where the code is",
    "D": "jobs run where the code is",
    "error": "the log is streamed from where Spyglass puts it",
    "e": "the log is streamed from where Spyglass puts it",
    "job-name": "jobs are found again by their names",
    "J": "jobs are found again by their names",
    "output": "the log is streamed from where Spyglass puts it",
    "o": "the log is streamed from where Spyglass puts it",
    "wrap": "the step is what the job runs",
}
_SEVERAL_NODES = {"nodes", "N", "ntasks", "n"}
_OPTION = re.compile(r"--?([A-Za-z][\w-]*)(?:[= ]?(.*))", re.DOTALL)
_TIME = re.compile(r"\d+(-\d+(:\d+){0,2}|(:\d+){0,2})|UNLIMITED|INFINITE", re.IGNORECASE)


class JobOptions(BaseModel):
    """The options of one job; what is not given is left to the cluster's defaults."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)

    partition: str | None = None
    """The partition, or several with commas between them."""
    account: str | None = None
    """The account that is charged."""
    qos: str | None = None
    """The quality of service."""
    time: str | None = None
    """The time limit in quotes, as "04:00:00" or "1-12:00:00"."""
    cpus: int | None = Field(default=None, ge=1)
    """CPU cores."""
    memory: str | None = None
    """Memory, as "32G"."""
    gpus: int | str | None = None
    """GPUs: how many, or which as "a100:2". A training uses all of them (DDP)."""
    gres: str | None = None
    """Generic resources, for clusters that give GPUs as gres: "gpu:a100:2"."""
    constraint: str | None = None
    """Features that the node must have."""
    array: bool = False
    """Whether the shards of a mapped step are the tasks of one array job."""
    array_limit: int | None = Field(default=None, ge=1)
    """How many tasks of an array may run at once."""
    options: list[str] = []
    """More options of sbatch, each as "--nice=100"."""
    modules: list[str] = []
    """Environment modules to load, in order."""
    setup: list[str] = []
    """Lines of bash before the step, such as "source /etc/profile.d/lmod.sh"."""
    venv: str | None = None
    """A Python environment on the shared file system; by default that of `run.py`."""
    apptainer: str | None = None
    """An Apptainer image to run the step in; it holds Python and the requirements."""
    apptainer_options: list[str] = []
    """Options of `apptainer exec`, such as "--bind=/data"."""

    @field_validator("time", mode="before")
    @classmethod
    def _written_in_quotes(cls, value: Any) -> Any:
        if isinstance(value, int):
            # YAML reads 4:00:00 as the number 14400, which Slurm would take for minutes.
            raise ValueError('write the time in quotes, as "04:00:00" (hours:minutes:seconds)')
        if isinstance(value, str) and not _TIME.fullmatch(value):
            raise ValueError(f'"{value}" is no time: write "hours:minutes:seconds" or "days-hours"')
        return value

    @field_validator("options")
    @classmethod
    def _leaves_the_rest_to_us(cls, values: list[str]) -> list[str]:
        for value in values:
            found = _OPTION.fullmatch(value.strip())
            if found is None:
                raise ValueError(f"'{value}' is no option of sbatch: write it as \"--nice=100\"")
            _check_option(value, *_parts(value.strip(), found))
        return values

    @model_validator(mode="after")
    def _one_environment(self) -> JobOptions:
        if self.apptainer and self.venv:
            raise ValueError("give either venv or apptainer: an image brings its own Python")
        return self


def _parts(value: str, found: re.Match[str]) -> tuple[str, str]:
    """Name and value of an option; a short one may have its value right behind it, as `-N2`."""
    if value.startswith("--"):
        return found[1], found[2]
    return value[1], value[2:].lstrip("= ")


def _check_option(option: str, name: str, value: str) -> None:
    if name in _RESERVED:
        raise ValueError(f"'{option}' cannot be given: {_RESERVED[name]}")
    if name in _SEVERAL_NODES and value.strip() != "1":
        raise ValueError(
            f"'{option}' cannot be given: a step runs on one node, and ultralytics trains on "
            "several GPUs of one node only (DDP). Ask for more of them with gpus, and for more "
            "jobs with shards"
        )
