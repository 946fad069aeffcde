"""Runs a pipeline on a stack in the emulated Google Cloud, and tells what became of it.

Started as `submit.py <pipeline> <bucket> <folder>` with `run.yaml` beside it.
"""

from __future__ import annotations

import os
import sys

from zenml.client import Client
from zenml.constants import ENV_ZENML_ACTIVE_STACK_ID
from zenml.enums import StackComponentType
from zenml.models import PipelineRunResponse

import pipelines

REGISTRY = "europe-west4-docker.pkg.dev/project/repository"
COMPONENTS = {
    StackComponentType.ARTIFACT_STORE: ("gcp", {}),
    StackComponentType.ORCHESTRATOR: ("vertex", {"location": "europe-west4"}),
    StackComponentType.CONTAINER_REGISTRY: ("gcp", {"uri": REGISTRY}),
    StackComponentType.IMAGE_BUILDER: ("local", {}),
}


def register_stack(bucket: str) -> str:
    """A stack with components of its own; returns its id."""
    name = bucket.removeprefix("gs://")
    made = {}
    for kind, (flavor, configuration) in COMPONENTS.items():
        own = {"path": bucket} if kind == StackComponentType.ARTIFACT_STORE else {}
        component = Client().create_stack_component(name, flavor, kind, {**configuration, **own})
        made[kind] = component.id
    return str(Client().create_stack(name, made).id)


def told(run: PipelineRunResponse) -> str:
    """Status of a run and of its steps, and what was gathered."""
    steps = Client().list_run_steps(pipeline_run_id=run.id)
    ordered = sorted(steps, key=lambda step: (step.name, step.version))
    shown = ", ".join(f"{step.name} {step.version} {step.status.value}" for step in ordered)
    gathered = [step.output.load() for step in ordered if "gathered" in step.outputs]
    return f"{run.status.value}: {shown}, gathered {gathered}"


if __name__ == "__main__":
    wanted, bucket, folder = sys.argv[1:]
    os.environ[ENV_ZENML_ACTIVE_STACK_ID] = register_stack(bucket)
    started = getattr(pipelines, wanted).with_options(config_path="run.yaml")(folder)
    print(told(Client().get_pipeline_run(started.id)))
