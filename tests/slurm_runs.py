"""Runs of the pipelines in `tests.slurm_pipelines`."""

from __future__ import annotations

from pathlib import Path

from zenml.client import Client
from zenml.models import PipelineRunResponse
from zenml.pipelines.pipeline_definition import Pipeline

from tests.slurm_pipelines import wait_for


def job_folders() -> Path:
    """Where the files of jobs lie while they run."""
    return Path(Client().active_stack.artifact_store.path) / "slurm-jobs"


def last_run(pipeline: Pipeline) -> PipelineRunResponse:
    """The newest run."""
    return Client().get_pipeline(pipeline.name).last_run


def attempts(folder: Path) -> dict[str, int]:
    """How often each task has begun."""
    return {path.stem: len(path.read_text().splitlines()) for path in folder.glob("*.begun")}


def begun(folder: Path, task: str) -> tuple[str, str]:
    """Node and job of the last attempt at a task, once there is one."""
    path = folder / f"{task}.begun"
    wait_for(lambda: path.is_file() and path.read_text().endswith("\n"))
    node, job = path.read_text().splitlines()[-1].split()
    return node, job
