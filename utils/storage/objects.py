"""The object store: the few verbs that a local folder and a bucket share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

GCS_SCHEME = "gs://"
CHECK_NAME = "Check the name."


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object as a store lists it.

    Attributes:
        key: Its name in the store, with `/` between parts.
        uri: Its place: an absolute local path or `gs://...`.
        size_bytes: Size of its content.
        version: A whole number in digits; a later version has a larger one.
        sha256: Returns the hash of its content in hex, or None if the bucket does not know it; a
            local folder reads the file for it.
    """

    key: str
    uri: str
    size_bytes: int
    version: str
    sha256: Callable[[], str | None]


class ObjectStore(Protocol):
    """A store of files by key: a local folder or a bucket.

    Every write checks first: an object with the same content is left alone. Objects appear whole or
    not at all. Methods may be called from several threads, and raise `StoreError` with a sentence
    that names the store and the fault.
    """

    @property
    def uri(self) -> str:
        """Place of the store: an absolute local path or `gs://bucket/prefix`."""

    def check(self) -> None:
        """Fail early if the store cannot be reached or written."""

    def put(self, local: Path, key: str) -> str:
        """Store a copy of a local file; returns its URI."""

    def write(self, key: str, content: bytes) -> str:
        """Store bytes; returns their URI."""

    def replace(self, key: str, content: bytes, version: str | None) -> str | None:
        """Store bytes over the version that was read, so that one of several writers succeeds.

        Args:
            key: Key of the object.
            content: The bytes.
            version: The version that was listed, or None if there was no object.

        Returns:
            The new version, or None if another writer was quicker and nothing was changed.
        """

    def get(self, item: str | StoredObject, to: Path, *, remedy: str = CHECK_NAME) -> Path:
        """Copy an object to a local file, whole or not at all; returns `to`.

        Args:
            item: Its key or URI, or the object as listed: its size decides how to fetch it, and a
                bucket returns exactly its version.
            to: Path of the file.
            remedy: Sentence that tells the user what to do if the object is missing.
        """

    def delete(self, key: str) -> None:
        """Remove an object; a missing object is no error."""

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Yield the objects whose key starts with `prefix`, in order of key, as a stream.

        Folders are left out, and so are the empty objects that stand for them and end in `/`.
        """


def is_local(uri: str) -> bool:
    """Whether a URI is a local path."""
    return "://" not in uri
