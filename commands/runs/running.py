"""One run of a pipeline, from its start to its end, wherever its steps run."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml
from zenml.constants import ENV_ZENML_DYNAMIC_PIPELINE_WORKER_COUNT
from zenml.enums import ExecutionMode
from zenml.exceptions import StepExecutionException
from zenml.models import PipelineRunResponse
from zenml.utils.string_utils import format_name_template

from commands.runs.configuration import RunConfiguration
from commands.runs.cut_off_runs import marked_as_running
from commands.runs.failures import require_success
from commands.runs.job_progress import job_progress
from commands.runs.sent_steps import jobs_of_steps
from records.active_stack import execution_modes
from records.runs import run_with_id


def run_to_the_end(
    pipeline: Any,
    configuration: RunConfiguration,
    *,
    is_elsewhere: bool,
    has_jobs: bool = False,
) -> PipelineRunResponse:
    """Run a pipeline on the active stack.

    Args:
        pipeline: The ZenML pipeline.
        configuration: Parameters and settings of the run.
        is_elsewhere: Whether all steps run on other machines.
        has_jobs: Whether this machine runs the pipeline, and sends single steps to other machines.

    Raises:
        Exception: The exception of the step that failed, where one did.
    """
    if not is_elsewhere:
        # Shards at the same time: as many as there are processors, however many are asked for.
        os.environ.setdefault(ENV_ZENML_DYNAMIC_PIPELINE_WORKER_COUNT, str(os.cpu_count() or 1))
    name = _run_name(pipeline, configuration)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / configuration.path.name
        settings = configuration.settings | {"run_name": name}
        path.write_text(yaml.safe_dump(settings), encoding="utf-8")
        configured = pipeline.with_options(
            config_path=str(path), execution_mode=_execution_mode(pipeline)
        )
        try:
            with _watched(name, is_elsewhere=is_elsewhere, has_jobs=has_jobs):
                run = configured(**configuration.parameters)
        except StepExecutionException as error:
            raise error.__cause__ or error from None
    return require_success(run_with_id(run.id))


@contextmanager
def _watched(run: str, *, is_elsewhere: bool, has_jobs: bool) -> Iterator[None]:
    """Watch a run: jobs of a whole pipeline go on without this process, all others end with it."""
    if is_elsewhere:
        with job_progress(run):
            yield
        return
    with marked_as_running(run), jobs_of_steps(run) if has_jobs else nullcontext():
        yield


def _run_name(pipeline: Any, configuration: RunConfiguration) -> str:
    """Choose the name of the run, so that it can be found before it has an id."""
    template = configuration.settings.get("run_name")
    return format_name_template(template or f"{pipeline.name}-{{date}}-{{time}}-{uuid4().hex[:6]}")


def _execution_mode(pipeline: Any) -> ExecutionMode:
    """Choose how a run reacts to a failed step."""
    if ExecutionMode.FAIL_FAST in execution_modes() and not pipeline.is_dynamic:
        return ExecutionMode.FAIL_FAST  # the step's own exception comes out
    return ExecutionMode.CONTINUE_ON_FAILURE  # the other shares end their work
