"""The buckets of the emulated Google Cloud Storage, and the rules for changing them."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import count
from threading import RLock
from typing import Any

import google_crc32c


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
        description: Description by the uploader: content type, metadata.
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

    def all(self, bucket: str) -> tuple[list[str], dict[str, StoredObject]]:
        """The names in order, and the objects by name."""
        with self._lock:
            objects = dict(self._bucket(bucket))
            if bucket not in self._sorted:
                self._sorted[bucket] = sorted(objects)
            return self._sorted[bucket], objects

    def _bucket(self, name: str) -> dict[str, StoredObject]:
        if name not in self._buckets:
            raise StorageError(404, "notFound", "The specified bucket does not exist.")
        return self._buckets[name]


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
