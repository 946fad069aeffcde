"""What an object store is: the few verbs that a local folder and a bucket share."""

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
        uri: Where it is: an absolute local path or `gs://...`.
        size_bytes: Of its content.
        version: A whole number in digits; of two, the object written later has the larger one.
        sha256: Gives the hash of its content in hex, or None where that is not known without
            reading the object; a local folder reads the file when asked.
    """

    key: str
    uri: str
    size_bytes: int
    version: str
    sha256: Callable[[], str | None]


class ObjectStore(Protocol):
    """A place for files, by key: a local folder or a bucket.

    Every write looks first: an object that is there with the same content is left alone. Objects
    appear whole or not at all. Methods may be called from several threads, and raise `StoreError`
    with a sentence that names the store and what is wrong.
    """

    @property
    def uri(self) -> str:
        """Where the store is: an absolute local path or `gs://bucket/prefix`."""

    def check(self) -> None:
        """Fail early when the store cannot be reached or written."""

    def put(self, local: Path, key: str) -> str:
        """Store a copy of a local file; returns its URI."""

    def write(self, key: str, content: bytes) -> str:
        """Store bytes; returns their URI."""

    def replace(self, key: str, content: bytes, version: str | None) -> str | None:
        """Store bytes over the version that was seen, so that of several writers one succeeds.

        Args:
            key: Of the object.
            content: The bytes.
            version: As listed, or None where there was no object.

        Returns:
            The new version, or None where another writer was quicker: nothing is changed.
        """

    def get(self, item: str | StoredObject, to: Path, *, remedy: str = CHECK_NAME) -> Path:
        """Copy an object to a local file, whole or not at all; returns `to`.

        Args:
            item: Its key or URI; or the object as listed, whose size tells how to fetch it fastest,
                and of which a bucket gives the version that was listed, or none.
            to: The file.
            remedy: What the user is told to do where there is no such object, as a sentence.
        """

    def delete(self, key: str) -> None:
        """Remove an object; one that is gone already is no error."""

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Yield the objects whose key starts with `prefix`, in order of key, as a stream.

        Folders are none, nor are the empty objects that stand for one and end in `/`.
        """


def is_local(uri: str) -> bool:
    """Whether a URI is a local path."""
    return "://" not in uri
