"""Where work is kept that another machine may have to take up."""

from __future__ import annotations

from zenml.client import Client

from utils.storage.objects import GCS_SCHEME, ObjectStore
from utils.storage.store import open_store


def work_store(kind: str) -> ObjectStore | None:
    """A folder of the stack's artifact store.

    Args:
        kind: Of work: the name of the folder.

    Returns:
        The store, or None where the artifact store is on this machine: its own folders are enough.
    """
    path = Client().active_stack.artifact_store.path
    return open_store(f"{path}/{kind}") if path.startswith(GCS_SCHEME) else None
