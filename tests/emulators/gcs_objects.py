"""The buckets of the emulated Google Cloud Storage, and the rules for changing them."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from threading import RLock
from typing import Any

import google_crc32c

from tests.emulators.credentials import PROJECT_NUMBER

_MAX_PAGE = 1000


class StorageError(Exception):
    """An answer other than success, as Google words it."""

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class StoredObject:
    """One generation of an object.

    Attributes:
        name: Within its bucket.
        content: Its bytes.
        generation: Differs with every upload.
        description: What the uploader told: content type, metadata.
        metageneration: Differs with every change of the description.
        created: When it was uploaded.
        crc32c: In base64, as is `md5`.
    """

    name: str
    content: bytes
    generation: int
    description: Mapping[str, Any]
    metageneration: int = 1
    created: str = field(default_factory=lambda: f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}")
    crc32c: str = ""
    md5: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing; `token` names the next, if there is one."""

    objects: list[StoredObject]
    prefixes: list[str]
    token: str | None


class Buckets:
    """All buckets; every method may be called from several threads."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._buckets: dict[str, dict[str, StoredObject]] = {}
        self._sorted: dict[str, list[str]] = {}
        self._generations = count(1_700_000_000_000_001)

    def create(self, name: str) -> None:
        """Make an empty bucket."""
        with self._lock:
            if name in self._buckets:
                raise StorageError(409, "conflict", "Your previous request to create the named "
                                   "bucket succeeded and you already own it.")  # fmt: skip
            self._buckets[name] = {}

    def remove(self, name: str) -> None:
        """Delete an empty bucket."""
        with self._lock:
            if self._bucket(name):
                raise StorageError(409, "conflict", "The bucket you tried to delete is not empty.")
            del self._buckets[name]

    def names(self) -> list[str]:
        """Every bucket."""
        with self._lock:
            return sorted(self._buckets)

    def check(self, name: str) -> None:
        """Complain about a bucket that is not there."""
        with self._lock:
            self._bucket(name)

    def get(self, bucket: str, name: str, conditions: Mapping[str, str]) -> StoredObject:
        """An object, provided that the conditions hold."""
        with self._lock:
            found = self._bucket(bucket).get(name)
            wanted = conditions.get("generation")
            if found is None or wanted not in (None, str(found.generation)):
                raise StorageError(404, "notFound", f"No such object: {bucket}/{name}")
            _check_conditions(found, conditions, is_read=True)
            return found

    def put(
        self,
        bucket: str,
        name: str,
        content: bytes,
        description: Mapping[str, Any],
        conditions: Mapping[str, str],
    ) -> StoredObject:
        """Store an object, provided that the conditions and the uploader's hashes hold."""
        crc32c = _base64(google_crc32c.value(content).to_bytes(4, "big"))
        md5 = _base64(hashlib.md5(content, usedforsecurity=False).digest())
        for told, actual in (("crc32c", crc32c), ("md5Hash", md5)):
            if description.get(told, actual) != actual:
                raise StorageError(
                    400,
                    "invalid",
                    f'Provided {told} "{description[told]}" doesn\'t match calculated {actual}.',
                )
        with self._lock:
            objects = self._bucket(bucket)
            _check_conditions(objects.get(name), conditions)
            stored = StoredObject(
                name, content, next(self._generations), dict(description), crc32c=crc32c, md5=md5
            )
            if name not in objects:
                self._sorted.pop(bucket, None)
            objects[name] = stored
            return stored

    def describe(
        self, bucket: str, name: str, changes: Mapping[str, Any], conditions: Mapping[str, str]
    ) -> StoredObject:
        """Change what is told about an object."""
        with self._lock:
            found = self.get(bucket, name, conditions)
            changed = replace(
                found,
                description={**found.description, **changes},
                metageneration=found.metageneration + 1,
            )
            self._buckets[bucket][name] = changed
            return changed

    def delete(self, bucket: str, name: str, conditions: Mapping[str, str]) -> None:
        """Delete an object, provided that the conditions hold."""
        with self._lock:
            self.get(bucket, name, {})
            _check_conditions(self._buckets[bucket][name], conditions)
            del self._buckets[bucket][name]
            self._sorted.pop(bucket, None)

    def list(self, bucket: str, query: Mapping[str, str]) -> Page:
        """A page of the objects, in order of their names.

        Args:
            bucket: Its name.
            query: As in the request: prefix, delimiter, maxResults, pageToken, startOffset,
                endOffset, includeTrailingDelimiter.
        """
        with self._lock:
            objects = dict(self._bucket(bucket))
            if bucket not in self._sorted:
                self._sorted[bucket] = sorted(objects)
            names = self._sorted[bucket]
        return _page(names, objects, query)

    def _bucket(self, name: str) -> dict[str, StoredObject]:
        if name not in self._buckets:
            raise StorageError(404, "notFound", "The specified bucket does not exist.")
        return self._buckets[name]


def bucket_resource(name: str) -> dict[str, Any]:
    """What the API tells about a bucket."""
    return {
        "kind": "storage#bucket",
        "id": name,
        "name": name,
        "projectNumber": PROJECT_NUMBER,
        "metageneration": "1",
        "location": "EUROPE-WEST1",
        "locationType": "region",
        "storageClass": "STANDARD",
        "timeCreated": "2026-01-01T00:00:00.000Z",
        "updated": "2026-01-01T00:00:00.000Z",
    }


def object_resource(bucket: str, stored: StoredObject) -> dict[str, Any]:
    """What the API tells about an object."""
    return {
        "contentType": "application/octet-stream",
        **stored.description,
        "kind": "storage#object",
        "id": f"{bucket}/{stored.name}/{stored.generation}",
        "name": stored.name,
        "bucket": bucket,
        "generation": str(stored.generation),
        "metageneration": str(stored.metageneration),
        "size": str(len(stored.content)),
        "md5Hash": stored.md5,
        "crc32c": stored.crc32c,
        "etag": f"{stored.generation}/{stored.metageneration}",
        "storageClass": "STANDARD",
        "timeCreated": stored.created,
        "updated": stored.created,
    }


def _page(names: list[str], objects: dict[str, StoredObject], query: Mapping[str, str]) -> Page:
    prefix, delimiter = query.get("prefix", ""), query.get("delimiter", "")
    limit = min(int(query.get("maxResults", _MAX_PAGE)), _MAX_PAGE)
    after = query.get("pageToken", "")
    first = max(prefix, query.get("startOffset", ""), after)
    page = Page([], [], None)
    for name in names[bisect_left(names, first) :]:
        if not name.startswith(prefix) or name >= query.get("endOffset", "\U0010ffff"):
            break
        folder = _folder(name, prefix, delimiter)
        if (after and (folder or name) <= after) or folder in page.prefixes:
            continue
        if len(page.objects) + len(page.prefixes) == limit:
            return replace(page, token=_last(page))
        if folder:
            page.prefixes.append(folder)
        if not folder or (name == folder and "includeTrailingDelimiter" in query):
            page.objects.append(objects[name])
    return page


def _folder(name: str, prefix: str, delimiter: str) -> str:
    """The part of a name up to the first delimiter after the prefix, "" without one."""
    before, found, _ = name[len(prefix) :].partition(delimiter) if delimiter else ("", "", "")
    return prefix + before + found if found else ""


def _last(page: Page) -> str:
    return max([stored.name for stored in page.objects] + page.prefixes)


def _check_conditions(
    found: StoredObject | None, conditions: Mapping[str, str], *, is_read: bool = False
) -> None:
    generation = str(found.generation) if found else "0"
    metageneration = str(found.metageneration) if found else "0"
    if generation == conditions.get("ifGenerationNotMatch"):
        status = 304 if is_read else 412
        raise StorageError(status, "conditionNotMet", "The generation is the one given.")
    for name, actual in (
        ("ifGenerationMatch", generation),
        ("ifMetagenerationMatch", metageneration),
    ):
        if conditions.get(name, actual) != actual:
            raise StorageError(
                412,
                "conditionNotMet",
                "At least one of the pre-conditions you specified did not hold.",
            )


def _base64(digest: bytes) -> str:
    return b64encode(digest).decode()
