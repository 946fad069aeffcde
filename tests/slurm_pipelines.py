"""Small pipelines whose steps are jobs of Slurm."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from zenml import pipeline, step, unmapped
from zenml.client import Client
from zenml.config.retry_config import StepRetryConfig
from zenml.enums import StackComponentType

from commands.stacks.flavors import register_spyglass_flavor
from slurm.flavor import FLAVOR

_MOST_SECONDS = 300
_ALONE = {"step_operator": {"array": False}}  # it need not wait for others


def wait_for(happened: Callable[[], object]) -> None:
    """Wait until something has happened; fails when it does not."""
    deadline = time.monotonic() + _MOST_SECONDS
    while not happened():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.05)


@step(step_operator=True)
def where(word: str) -> Annotated[dict[str, str], "place"]:
    """The environment of the job."""
    print(f"the word is {word}")
    return dict(os.environ)


@step(step_operator=True)
def work(task: str, folder: str) -> Annotated[str, "result"]:
    """Note that it has begun, then do what the task says; each task is a name in the folder."""
    own = os.environ
    array = own.get("SLURM_ARRAY_JOB_ID")
    job = f"{array}_{own['SLURM_ARRAY_TASK_ID']}" if array else own["SLURM_JOB_ID"]
    with (Path(folder) / f"{task}.begun").open("a") as stream:
        stream.write(f"{own['SLURMD_NODENAME']} {job}\n")
    if task.startswith("together"):
        wait_for(lambda: len(list(Path(folder).glob("together-*.begun"))) >= 2)
    if task == "fails":
        raise ValueError("it fails")
    if task == "memory":
        hoard = bytearray(1_000_000_000)
        wait_for(lambda: not hoard)
    if task.startswith("waits"):
        wait_for((Path(folder) / "go").exists)
    return f"{task} done"


@step
def plan(tasks: list[str]) -> Annotated[list[str], "tasks"]:
    """The tasks."""
    return tasks


@step
def gather(results: list[str]) -> Annotated[list[str], "gathered"]:
    """The results in order."""
    return results


@pipeline(enable_cache=False)
def static(word: str) -> None:
    """One step."""
    where.with_options(settings=_ALONE)(word)


@pipeline(enable_cache=False)
def single(task: str, folder: str) -> None:
    """One task."""
    work.with_options(settings=_ALONE)(task, folder)


@pipeline(dynamic=True, enable_cache=False, depends_on=[work])
def mapped(tasks: list[str], folder: str) -> None:
    """Tasks at once."""
    gather(work.map(task=plan(tasks), folder=unmapped(folder)))


@pipeline(dynamic=True, enable_cache=False, depends_on=[work])
def retried(tasks: list[str], folder: str) -> None:
    """Tasks at once, each with a second chance."""
    again = work.with_options(retry=StepRetryConfig(max_retries=1))
    gather(again.map(task=plan(tasks), folder=unmapped(folder)))


def use_stack(name: str, folder: str, **configuration: object) -> str:
    """Register a stack whose steps can be jobs; returns its id."""
    client = Client()
    register_spyglass_flavor(StackComponentType.STEP_OPERATOR, FLAVOR)
    client.create_stack_component(
        name, FLAVOR, StackComponentType.STEP_OPERATOR, dict(configuration)
    )
    client.create_stack_component(
        name, "local", StackComponentType.ARTIFACT_STORE, {"path": folder}
    )
    stack = client.create_stack(
        name,
        {
            StackComponentType.ORCHESTRATOR: "default",
            StackComponentType.ARTIFACT_STORE: name,
            StackComponentType.STEP_OPERATOR: name,
        },
    )
    return str(stack.id)
