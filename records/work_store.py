"""Where work is kept that another run or machine may take up."""

from __future__ import annotations

from zenml import get_step_context
from zenml.client import Client

from utils.detection.exports import EXPORTS_FOLDER
from utils.storage.objects import GCS_SCHEME, ObjectStore, is_local
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


def exports_store(detector: str) -> ObjectStore | None:
    """The folder for exported networks in the artifact of a detector.

    Args:
        detector: The name of the input of the running step.

    Returns:
        The store, or None where the artifact store is of a kind that Spyglass does not write to.
    """
    (artifact,) = get_step_context().inputs[detector]
    uri = artifact.uri
    return open_store(f"{uri}/{EXPORTS_FOLDER}") if _is_known(uri) else None


def _is_known(uri: str) -> bool:
    return is_local(uri) or uri.startswith(GCS_SCHEME)
