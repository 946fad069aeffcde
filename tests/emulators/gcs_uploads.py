"""Uploads to the emulated storage: in one request, or in pieces that can be resumed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from tests.emulators.gcs_objects import StorageError, StoredObject

_QUANTUM = 256 * 1024  # Google keeps whole pieces of this size of a request that breaks off


@dataclass(slots=True)
class Session:
    """A resumable upload under way.

    Attributes:
        bucket: Bucket that receives the object.
        description: Its name, content type and so on.
        conditions: Under which it may be stored.
        received: The bytes so far.
        stored: The object, once it is complete.
    """

    bucket: str
    description: dict[str, Any]
    conditions: Mapping[str, str]
    received: bytearray = field(default_factory=bytearray)
    stored: StoredObject | None = None

    def receive(self, content_range: str, body: bytes, *, is_whole: bool = True) -> bool:
        """Take a piece; returns whether the upload is complete.

        Args:
            content_range: Such as `bytes 0-99/200`, `bytes 0-99/*`, or `bytes */200` to ask only.
            body: The piece, or the part of it that arrived.
            is_whole: Whether all of it arrived.
        """
        found = re.fullmatch(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)", content_range or "bytes 0-0/*")
        if found is None:
            raise StorageError(400, "badRequest", f"Invalid Content-Range: {content_range}")
        first, _, total = found.groups()
        if first is not None and body:
            self._append(int(first), body if is_whole else _kept(body))
        if not content_range:  # the whole object without a range
            return is_whole
        return total != "*" and len(self.received) == int(total)

    def _append(self, first: int, body: bytes) -> None:
        if first > len(self.received):
            raise StorageError(400, "badRequest", f"The bytes before {first} are missing.")
        self.received[first:] = body


class Sessions:
    """The resumable uploads under way, by id; those that are complete answer as before."""

    def __init__(self) -> None:
        self._open: dict[str, Session] = {}

    def begin(self, session: Session) -> str:
        """Start an upload; returns its id."""
        upload_id = uuid4().hex
        self._open[upload_id] = session
        return upload_id

    def find(self, upload_id: str) -> Session:
        """The upload with an id."""
        if upload_id not in self._open:
            raise StorageError(404, "notFound", f"No such upload: {upload_id}")
        return self._open[upload_id]


def split_multipart(content_type: str, body: bytes) -> tuple[dict[str, Any], bytes]:
    """Description and content of an upload in one `multipart/related` request."""
    boundary = re.search(r'boundary="?([^";]+)"?', content_type)
    if boundary is None:
        raise StorageError(400, "badRequest", "A multipart upload without boundary.")
    parts = body.split(b"--" + boundary[1].encode())
    if len(parts) != 4 or not parts[3].startswith(b"--"):
        raise StorageError(400, "badRequest", "A multipart upload has two parts.")
    (_, described), (heading, content) = (_split_part(part) for part in parts[1:3])
    description = json.loads(described)
    told = re.search(rb"content-type: *([^\r\n]+)", heading, re.IGNORECASE)
    if told:
        description.setdefault("contentType", told[1].decode())
    return description, content


def _split_part(part: bytes) -> tuple[bytes, bytes]:
    """Headers and body of a part, whose line ends are `\\r\\n` or `\\n` throughout."""
    end = b"\r\n" if part.startswith(b"\r\n") else b"\n"
    heading, _, body = part.partition(end + end)
    return heading, body.removesuffix(end)


def _kept(body: bytes) -> bytes:
    return body[: len(body) // _QUANTUM * _QUANTUM]
