"""The active stack: its artifact store, its experiment tracker, how it runs pipelines."""

from __future__ import annotations

import os
from typing import Any
from uuid import UUID

from zenml.client import Client
from zenml.enums import ExecutionMode, StackComponentType
from zenml.models import ComponentResponse, StackResponse

from utils.detection.options import TrackingOptions
from utils.detection.wandb_record import KEY_VARIABLE
from utils.storage.objects import GCS_SCHEME, ObjectStore
from utils.storage.store import open_store


def active_stack() -> StackResponse:
    """Return the active stack of this process, as registered."""
    return Client().active_stack_model


def artifact_store() -> ComponentResponse:
    """Return the artifact store of the active stack; a stack has exactly one."""
    (store,) = active_stack().components[StackComponentType.ARTIFACT_STORE]
    return store


def artifact_store_path() -> str:
    """Return the root of the active stack's artifact store: a folder or a URI."""
    return Client().active_stack.artifact_store.path


def artifact_store_name(store: UUID) -> str:
    """Return the name of a registered artifact store."""
    return Client().get_stack_component(StackComponentType.ARTIFACT_STORE, store).name


def is_on_this_machine(store: UUID) -> bool:
    """Whether a registered artifact store is a folder of this machine."""
    component = Client().get_stack_component(StackComponentType.ARTIFACT_STORE, store)
    return component.flavor_name == "local"


def execution_modes() -> list[ExecutionMode]:
    """Return the ways in which the active stack's orchestrator can react to a failed step."""
    return Client().active_stack.orchestrator.supported_execution_modes


def work_store(kind: str) -> ObjectStore | None:
    """Open a folder of the artifact store for work that another run or machine may continue.

    Args:
        kind: Kind of work, which is the name of the folder.

    Returns:
        The store, or None where the artifact store is on this machine: its own folders are enough.
    """
    path = artifact_store_path()
    return open_store(f"{path}/{kind}") if path.startswith(GCS_SCHEME) else None


def track_with_stack(model: str) -> TrackingOptions | None:
    """Point MLflow or W&B at the place of the stack's experiment tracker, credentials included.

    ZenML can open a run for a step by itself, but a new one each time: a training that is continued
    or found finished would leave an empty run beside its own.

    Args:
        model: Name of the model, which becomes the name of the experiment.

    Returns:
        The options for recording there, or None when the stack has no such tracker.
    """
    from zenml.integrations.mlflow.experiment_trackers import MLFlowExperimentTracker

    tracker = Client().active_stack.experiment_tracker
    if isinstance(tracker, MLFlowExperimentTracker):
        tracker.configure_mlflow()
        return TrackingOptions(experiment=model)
    if tracker is None or tracker.flavor != "wandb":
        return None
    settings: Any = tracker.config
    if settings.api_key:
        os.environ[KEY_VARIABLE] = settings.api_key
    places = {"entity": settings.entity, "project": settings.project_name}
    return TrackingOptions(tracker="wandb", experiment=model, **places)
