"""Opening of a store by its URI."""

from __future__ import annotations

from pathlib import Path

from utils.errors import ConfigurationError
from utils.storage.local import LocalStore
from utils.storage.objects import GCS_SCHEME, ObjectStore, StoredObject

__all__ = ["ObjectStore", "StoredObject", "open_store"]


def open_store(uri: str) -> ObjectStore:
    """Open a store without touching it yet.

    Args:
        uri: A local folder (created by the first write) or `gs://bucket/prefix`.

    Raises:
        ConfigurationError: If the URI is of another kind.
        StoreError: If there are no credentials for the bucket.
    """
    if uri.startswith(GCS_SCHEME):
        from utils.storage.gcs import GcsStore

        return GcsStore(uri)
    if not uri or "://" in uri:
        raise ConfigurationError(
            f"'{uri}' is not a place to store data. Name a local folder or gs://bucket/prefix."
        )
    return LocalStore(Path(uri))
