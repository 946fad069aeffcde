"""The storage API's descriptions of buckets and objects, and the pages of its listings."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from tests.emulators.credentials import PROJECT_NUMBER
from tests.emulators.gcs_objects import StoredObject

_MAX_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a listing; `token` names the next, if there is one."""

    objects: list[StoredObject]
    prefixes: list[str]
    token: str | None


def bucket_resource(name: str) -> dict[str, Any]:
    """The API's description of a bucket."""
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
    """The API's description of an object."""
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


def page_of(names: list[str], objects: dict[str, StoredObject], query: Mapping[str, str]) -> Page:
    """A page of the objects, in order of their names.

    Args:
        names: Names of all objects, in order.
        objects: By name.
        query: As in the request: prefix, delimiter, maxResults, pageToken, startOffset, endOffset,
            includeTrailingDelimiter.
    """
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
