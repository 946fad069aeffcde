"""A Google Cloud Storage bucket as an object store.

Import this module inside functions: it loads Google's client.
"""

from __future__ import annotations

import hashlib
import mimetypes
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

from google.api_core.exceptions import (
    Forbidden,
    GoogleAPIError,
    NotFound,
    PreconditionFailed,
    RetryError,
    Unauthorized,
)
from google.auth.exceptions import GoogleAuthError
from google.cloud import storage
from google.cloud.storage import transfer_manager
from google.cloud.storage.exceptions import DataCorruption
from google.cloud.storage.retry import DEFAULT_RETRY

from utils.errors import ConfigurationError, StoreError
from utils.files import sha256_of, written_whole
from utils.google_cloud.credentials import LOGIN
from utils.storage.disk import disk_faults
from utils.storage.objects import CHECK_NAME, GCS_SCHEME, StoredObject
from utils.storage.transfers import PARALLEL_TRANSFERS

_CONNECT_AND_READ_SECONDS = (10, 60)
_REQUEST = {"timeout": _CONNECT_AND_READ_SECONDS, "retry": DEFAULT_RETRY.with_timeout(60.0)}
_QUICK_REQUEST = {"timeout": _CONNECT_AND_READ_SECONDS, "retry": DEFAULT_RETRY.with_timeout(10.0)}
_LISTED = "items(name,size,generation,metadata),nextPageToken"
# The part that each upload holds in memory, and loses with its connection; the default is 100 MB.
_UPLOAD_PART_BYTES = 16 << 20
_DOWNLOAD_PART_BYTES = 32 << 20


class GcsStore:
    """A bucket, or a prefix in one. See `ObjectStore` for the promises of each method.

    Uploads name the generation that they replace (0: none), so that the client may safely retry
    them and another writer's object is never overwritten unseen; the server checks their MD5. Each
    object carries its SHA-256 as metadata. With `STORAGE_EMULATOR_HOST` set, the client connects to
    that address without credentials.
    """

    def __init__(self, uri: str) -> None:
        """Name the bucket and prefix, as `gs://bucket/prefix`; nothing is requested yet.

        Raises:
            ConfigurationError: If the URI names no bucket.
            StoreError: If this machine has no credentials for Google Cloud.
        """
        self._name, _, prefix = uri.removeprefix(GCS_SCHEME).partition("/")
        if not self._name:
            raise ConfigurationError(f"'{uri}' names no bucket. Write gs://bucket/prefix.")
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""
        with self._explained():
            self._bucket = storage.Client(project=None).bucket(self._name)

    @property
    def uri(self) -> str:
        """`gs://bucket/prefix`, without a slash at the end."""
        return f"{GCS_SCHEME}{self._name}/{self._prefix}".rstrip("/")

    def check(self) -> None:
        """Fail early when the bucket is missing, forbidden or unreachable."""
        with self._explained():
            next(iter(self._bucket.list_blobs(max_results=1, **_QUICK_REQUEST)), None)

    def put(self, local: Path, key: str) -> str:
        """Upload a local file, unless it is there already."""
        with local.open("rb") as stream:
            md5 = hashlib.file_digest(stream, partial(hashlib.md5, usedforsecurity=False)).digest()

        def send(blob: Any, **options: Any) -> None:
            blob.chunk_size = _UPLOAD_PART_BYTES
            blob.upload_from_filename(str(local), **options)

        return self._upload(key, md5, sha256_of(local), send)

    def write(self, key: str, content: bytes) -> str:
        """Upload bytes, unless they are there already."""
        md5 = hashlib.md5(content, usedforsecurity=False).digest()

        def send(blob: Any, **options: Any) -> None:
            blob.upload_from_string(content, **options)

        return self._upload(key, md5, hashlib.sha256(content).hexdigest(), send)

    def replace(self, key: str, content: bytes, version: str | None) -> str | None:
        """Upload bytes over the generation that was read."""
        blob = self._blob(key)
        blob.metadata = {"sha256": hashlib.sha256(content).hexdigest()}
        options = {"if_generation_match": int(version or 0), "checksum": "md5", **_REQUEST}
        with self._explained():
            try:
                blob.upload_from_string(content, **options)
            # Our own upload fails so too, if the client retried it after its answer was lost.
            except PreconditionFailed:
                blob = self._bucket.get_blob(self._name_of(key), **_REQUEST)
                md5 = hashlib.md5(content, usedforsecurity=False).digest()
                if blob is None or blob.md5_hash != b64encode(md5).decode():
                    return None
        return str(blob.generation)

    def get(self, item: str | StoredObject, to: Path, *, remedy: str = CHECK_NAME) -> Path:
        """Download an object, a large one in several parts at once; the client checks its hash."""
        listed = item if isinstance(item, StoredObject) else None
        key = listed.key if listed else str(item)
        generation = int(listed.version) if listed else None
        is_large = listed is not None and listed.size_bytes > _DOWNLOAD_PART_BYTES
        download = _download_in_parts if is_large else _download
        with disk_faults(to.parent), written_whole(to) as unfinished, self._explained(key, remedy):
            download(self._blob(key, generation), str(unfinished))
        return to

    def delete(self, key: str) -> None:
        """Remove an object; the client may have removed it in a request whose answer was lost."""
        with self._explained(), suppress(NotFound):
            self._blob(key).delete(**_REQUEST)

    def list(self, prefix: str = "") -> Iterator[StoredObject]:
        """Yield the objects whose key starts with `prefix`, page by page."""
        with self._explained():
            for blob in self._bucket.list_blobs(
                prefix=self._prefix + prefix, fields=_LISTED, **_REQUEST
            ):
                if blob.name.endswith("/"):  # the console makes such an object for a new folder
                    continue
                key = blob.name.removeprefix(self._prefix)
                sha256 = partial((blob.metadata or {}).get, "sha256")
                version = str(blob.generation)
                yield StoredObject(key, self._uri_of(key), int(blob.size), version, sha256)

    def _upload(self, key: str, md5: bytes, sha256: str, send: Callable[..., None]) -> str:
        """Upload unless the object there has the same MD5; see the class for the generations."""
        expected = b64encode(md5).decode()
        with self._explained():
            present = self._bucket.get_blob(self._name_of(key), **_REQUEST)
            if present is None or present.md5_hash != expected:
                blob = self._blob(key)
                blob.metadata = {"sha256": sha256}
                generation = present.generation if present else 0
                try:
                    send(
                        blob,
                        content_type=mimetypes.guess_type(key)[0] or "application/octet-stream",
                        if_generation_match=generation,
                        checksum="md5",
                        **_REQUEST,
                    )
                except PreconditionFailed:
                    self._check_same(key, expected)
        return self._uri_of(key)

    def _check_same(self, key: str, md5: str) -> None:
        """Accept an object that has appeared meanwhile if it is our own (a retried upload)."""
        present = self._bucket.get_blob(self._name_of(key), **_REQUEST)
        if present is None or present.md5_hash != md5:
            raise StoreError(
                f"{self._uri_of(key)} was changed by another writer at the same time. "
                "Let it end, then run this again."
            )

    def _blob(self, key: str, generation: int | None = None) -> Any:
        return self._bucket.blob(self._name_of(key), generation=generation)

    def _name_of(self, key: str) -> str:
        """The object's name in the bucket, from a key or a URI."""
        if not key.startswith(GCS_SCHEME):
            return self._prefix + key
        bucket, _, name = key.removeprefix(GCS_SCHEME).partition("/")
        if bucket != self._name or not name.startswith(self._prefix):
            raise StoreError(f"{key} lies outside the store {self.uri}. Use a key inside it.")
        return name

    def _uri_of(self, key: str) -> str:
        return f"{GCS_SCHEME}{self._name}/{self._name_of(key)}"

    @contextmanager
    def _explained(self, key: str | None = None, remedy: str = CHECK_NAME) -> Iterator[None]:
        """Turn faults of Google's client into one sentence; `key` is the object read, if any."""
        bucket = f"{GCS_SCHEME}{self._name}"
        try:
            yield
        except NotFound:
            if key is not None:
                raise StoreError(f"{self._uri_of(key)} does not exist. {remedy}") from None
            raise StoreError(
                f"The bucket {bucket} does not exist. Check its name, or make it with: "
                f"gcloud storage buckets create {bucket}"
            ) from None
        except (Forbidden, Unauthorized):
            raise StoreError(
                f"This account may not use the bucket {bucket}. "
                "Grant it the role Storage Object User, or log in with another account."
            ) from None
        except GoogleAuthError as error:
            raise StoreError(
                f"There are no valid credentials for {bucket} ({_reason(error)}). "
                f"Log in with: {LOGIN}"
            ) from None
        except DataCorruption:
            raise StoreError(
                f"{self._uri_of(key or '')} was damaged on its way (its hash differs). "
                "Run this again: what is done is kept."
            ) from None
        except (GoogleAPIError, OSError) as error:
            raise StoreError(
                f"The bucket {bucket} cannot be reached ({_reason(error)}). "
                "Check the network and run this again: what is done is kept."
            ) from None


def _download(blob: Any, path: str) -> None:
    blob.download_to_filename(path, **_REQUEST)


def _download_in_parts(blob: Any, path: str) -> None:
    transfer_manager.download_chunks_concurrently(
        blob,
        path,
        chunk_size=_DOWNLOAD_PART_BYTES,
        download_kwargs=_REQUEST,
        worker_type=transfer_manager.THREAD,
        max_workers=PARALLEL_TRANSFERS,
    )


def _reason(error: Exception) -> str:
    """The kind of a fault; for a request that was retried, the kind of its last fault."""
    cause = error.cause if isinstance(error, RetryError) and error.cause else error
    return type(cause).__name__
