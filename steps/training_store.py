"""The place in the bucket where trainings are kept while they run."""

from __future__ import annotations

from zenml.client import Client

from utils.storage.objects import GCS_SCHEME, ObjectStore
from utils.storage.store import open_store


def training_store() -> ObjectStore | None:
    """The folder `training` of the stack's artifact store.

    Returns:
        The store, or None where the artifact store is on this machine: its run folders are enough.
    """
    path = Client().active_stack.artifact_store.path
    return open_store(f"{path}/training") if path.startswith(GCS_SCHEME) else None
