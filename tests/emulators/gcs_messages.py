"""Requests to the emulated Google Cloud Storage, and its answers."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import parse_qs

from tests.emulators.gcs_objects import StorageError, StoredObject

_JSON = {"Content-Type": "application/json; charset=UTF-8"}


@dataclass(frozen=True, slots=True)
class Request:
    """A client's request; `is_whole` is false where its body broke off."""

    method: str
    path: str
    query_string: str
    headers: Message
    body: bytes
    is_whole: bool = True

    @property
    def query(self) -> dict[str, str]:
        """The parameters that are given once."""
        return {name: values[0] for name, values in parse_qs(self.query_string).items()}

    def all(self, name: str) -> list[str]:
        """Every value of a parameter that may be repeated."""
        return parse_qs(self.query_string).get(name, [])

    def json(self) -> dict[str, Any]:
        """The body as JSON; {} for none."""
        return json.loads(self.body) if self.body else {}


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to the client."""

    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def json_answer(content: dict[str, Any]) -> Answer:
    """A success that tells something."""
    return Answer(200, json.dumps(content).encode(), _JSON)


def refusal(error: StorageError) -> Answer:
    """An error as Google words it."""
    if error.status == 304:
        return Answer(304)
    message = str(error)
    detail = {"message": message, "domain": "global", "reason": error.reason}
    content = {"error": {"code": error.status, "message": message, "errors": [detail]}}
    return Answer(error.status, json.dumps(content).encode(), _JSON)


def media_answer(stored: StoredObject, asked: str | None) -> Answer:
    """An object's content, or the range `bytes=first-last` that was asked for.

    Raises:
        StorageError: If the range begins behind the end.
    """
    headers = {
        "Content-Type": stored.description.get("contentType") or "application/octet-stream",
        "X-Goog-Hash": f"crc32c={stored.crc32c},md5={stored.md5}",
        "X-Goog-Generation": str(stored.generation),
        "X-Goog-Stored-Content-Length": str(len(stored.content)),
    }
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", asked or "")
    if found is None:
        return Answer(200, stored.content, headers)
    size = len(stored.content)
    first, last = found.groups()
    start = int(first) if first else max(0, size - int(last))
    stop = min(size, int(last) + 1) if first and last else size
    if start >= size:
        raise StorageError(416, "requestedRangeNotSatisfiable", "Request range not satisfiable")
    headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    return Answer(206, stored.content[start:stop], headers)
