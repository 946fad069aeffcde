"""Small pipelines whose steps are jobs of Slurm."""

from __future__ import annotations

import os
from typing import Annotated

from zenml import pipeline, step
from zenml.client import Client
from zenml.enums import StackComponentType

from slurm.flavor import FLAVOR, SlurmStepOperatorFlavor


@step(step_operator=True, enable_cache=False)
def where(word: str) -> Annotated[dict[str, str], "place"]:
    """The environment of the job."""
    print(f"the word is {word}")
    return dict(os.environ)


@pipeline(enable_cache=False)
def static(word: str) -> None:
    """One step."""
    where(word)


def use_stack(name: str, folder: str, **configuration: object) -> str:
    """Register a stack whose steps can be jobs; returns its id."""
    client = Client()
    source = f"{SlurmStepOperatorFlavor.__module__}.{SlurmStepOperatorFlavor.__qualname__}"
    if not client.list_flavors(name=FLAVOR, type=StackComponentType.STEP_OPERATOR).items:
        client.create_flavor(source, StackComponentType.STEP_OPERATOR)
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
