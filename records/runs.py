"""The runs of pipelines: found by name, their steps and outputs, their state."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from uuid import UUID

from zenml.client import Client
from zenml.enums import ExecutionStatus
from zenml.models import ArtifactVersionResponse, PipelineRunResponse, StepRunResponse
from zenml.orchestrators.publish_utils import (
    publish_pipeline_run_status_update,
    publish_step_run_status_update,
)
from zenml.utils.run_utils import refresh_run_status

# Under which the step operator of Vertex AI notes the job of a step.
_JOB_NAME = "job_name"
_REASON = "Its process was ended from outside."


def run_named(name: str) -> PipelineRunResponse | None:
    """Find the run of exactly that name, or None where there is none yet."""
    try:
        return Client().get_pipeline_run(name, allow_name_prefix_match=False)
    except KeyError:
        return None


def run_by(selector: str | UUID) -> PipelineRunResponse | None:
    """Find a run by name, id or the beginning of one; None for no run or several."""
    try:
        return Client().get_pipeline_run(selector)
    except (KeyError, ValueError):
        return None


def run_as_it_is_now(run: PipelineRunResponse) -> PipelineRunResponse:
    """Return a run after ZenML has asked for its jobs: a killed one cannot report by itself."""
    with suppress(Exception):  # a courtesy to the dashboard: the run's own fault is what matters
        refresh_run_status(run, include_step_updates=True)
    return run_with_id(run.id)


def run_with_id(run: UUID) -> PipelineRunResponse:
    """Return the run of an id, as the store has it now."""
    return Client().get_pipeline_run(run)


def newest_run_names(pipeline: str, count: int) -> list[str]:
    """Return the names of the newest runs of a pipeline, at most `count`."""
    runs = Client().list_pipeline_runs(pipeline=pipeline, size=count)
    return [run.name for run in runs.items]


def outputs_of(run: PipelineRunResponse) -> Iterator[tuple[str, ArtifactVersionResponse]]:
    """Yield the outputs of all steps of a run, each with its name."""
    for step in run.steps.values():
        for name, versions in step.outputs.items():
            for version in versions:
                yield name, version


def stop_run(name: str) -> bool:
    """Mark a run and its steps as stopped, where they have not ended.

    Returns:
        Whether the run was marked.
    """
    run = run_named(name)
    if run is None or run.status.is_finished:
        return False
    with suppress(KeyError):  # somebody has deleted it meanwhile
        for step in run.steps.values():
            if not step.status.is_finished:
                publish_step_run_status_update(step.id, ExecutionStatus.STOPPED)
        publish_pipeline_run_status_update(run.id, ExecutionStatus.STOPPED, _REASON)
    return True


def cancel_jobs(run: str) -> list[str]:
    """Cancel the jobs of a run's steps that the step operator has sent to other machines.

    Returns:
        The names of the jobs that had not ended.
    """
    found, operator = run_named(run), Client().active_stack.step_operator
    if found is None or operator is None:
        return []
    cancelled = []
    for step in found.steps.values():
        job = step.run_metadata.get(_JOB_NAME)
        # The job's own state: ZenML calls the step failed as soon as nobody waits for it.
        if job and not operator.get_status(step).is_finished:
            operator.cancel(step)
            cancelled.append(str(job))
    return cancelled


def step_run(step: UUID) -> StepRunResponse:
    """Return the run of a step, as the store has it now."""
    return Client().get_run_step(step)


def has_failed_step(run: UUID) -> bool:
    """Whether a step of a run has failed for good."""
    failed = Client().list_run_steps(pipeline_run_id=run, status=ExecutionStatus.FAILED.value)
    return bool(failed.total)
