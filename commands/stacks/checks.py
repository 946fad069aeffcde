"""`--check-stack`: try every part of a stack, and print a remedy for each fault."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from zenml.enums import StackComponentType
from zenml.models import ComponentResponse, StackResponse

from commands.config_files import CONFIGS
from commands.stacks.cloud import check_cloud, is_on_cloud
from commands.stacks.cluster_checks import check_cluster, is_cluster
from commands.stacks.files import read_stack, register_command, stack_file
from commands.stacks.job_settings import JobSettings, read_job_settings
from commands.stacks.registration import changes_for, existing_stack, registered_stack
from commands.stacks.remote import remote_runner, require_remote_server
from commands.stacks.report import Report
from commands.stacks.servers import check_annotator, check_docker, check_tracker
from utils.errors import ConfigurationError

_SERVERS = {"mlflow": check_tracker, "label_studio": check_annotator}
_REMOTE_TRAINING = CONFIGS / "training_pipeline_remote_gpu.yaml"


def check_stack(name: str, config: Path | None = None) -> None:
    """Try every part of a stack and print a line for each; nothing is registered or changed.

    Args:
        name: Name of a file in `configs/stacks/`, a path, or a stack registered with ZenML.
        config: Configuration of the pipeline that says which GPUs are wanted, beside the stack's
            file; by default the remote training's.

    Raises:
        ConfigurationError: If there is no such stack, or a file is wrong.
        CloudError: If a check fails; all have been tried by then.
    """
    file = stack_file(name)
    report = Report()
    if file is not None:
        name = read_stack(file).name
        report.check(f"stack '{name}'", partial(_check_registered, file))
    stack = existing_stack(name) if file is None else registered_stack(name)
    if stack is not None:
        files = [config or _training_of(file or Path(name)), *([file] if file else [])]
        _check_parts(report, stack, read_job_settings(files), str(file or name))
        check_cluster(report, stack, files)
    report.conclude(name)


def _training_of(stack: Path) -> Path:
    of_stack = CONFIGS / f"training_pipeline_{stack.stem}.yaml"
    return of_stack if of_stack.is_file() else _REMOTE_TRAINING


def _check_registered(file: Path) -> str:
    changes = changes_for(str(file), read_stack(file))
    open_ones = [
        f"{change.what} is missing"
        if change.missing
        else f"{change.what} differs ({'; '.join(change.lines())})"
        for change in changes
        if change.missing or change.differences
    ]
    if open_ones:
        raise ConfigurationError(
            f"{', '.join(open_ones)}. Bring ZenML in step with: {register_command(str(file))}"
        )
    return f"registered as in {file.name}"


def _check_parts(report: Report, stack: StackResponse, jobs: JobSettings, name: str) -> None:
    report.check("ZenML server", partial(require_remote_server, stack, name))
    check_cloud(report, stack, jobs)
    register, is_remote = register_command(name), remote_runner(stack) is not None
    for components in stack.components.values():
        for component in components:
            subject = f"{component.type.value} '{component.name}'"
            if server := _SERVERS.get(component.flavor_name):
                check = partial(server, component, register=register, is_remote=is_remote)
                report.check(subject, check)
            else:
                _check_other(report, subject, component, jobs)


def _check_other(
    report: Report, subject: str, component: ComponentResponse, jobs: JobSettings
) -> None:
    is_builder = component.type is StackComponentType.IMAGE_BUILDER
    if is_builder and component.flavor_name == "local":
        if jobs.skip_build:
            report.skip(subject, "not used, since the jobs' image is not built (skip_build)")
        else:
            report.check(subject, check_docker)
    elif not is_on_cloud(component) and not is_cluster(component):
        report.skip(subject, f"of flavor '{component.flavor_name}', nothing to try")
