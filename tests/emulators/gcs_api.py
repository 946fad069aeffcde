"""The JSON API of Google Cloud Storage, as far as its clients for Python use it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, unquote

from tests.emulators.gcs_messages import Answer, Request, json_answer, media_answer
from tests.emulators.gcs_objects import Buckets, StorageError, StoredObject
from tests.emulators.gcs_resources import bucket_resource, object_resource, page_of
from tests.emulators.gcs_uploads import Session, Sessions, split_multipart

_API = "/storage/v1"
_BUCKET = rf"{_API}/b/(?P<bucket>[^/]+)"
_OBJECT = r"/b/(?P<bucket>[^/]+)/o/(?P<name>[^/]+)"
_COPY = rf"{_OBJECT}/(?:rewriteTo|copyTo)/b/(?P<to_bucket>[^/]+)/o/(?P<to_name>[^/]+)"
_UPLOAD = r"(?:/resumable)?/upload/storage/v1/b/(?P<bucket>[^/]+)/o"


class StorageApi:
    """Answers requests about buckets and objects.

    Attributes:
        buckets: Stored buckets.
    """

    def __init__(self, url: str) -> None:
        self.buckets = Buckets()
        self._url = url
        self._sessions = Sessions()

    def answer(self, request: Request) -> Answer:
        """Google's answer to a request.

        Raises:
            StorageError: If it would refuse.
            ConnectionAbortedError: If the request broke off.
        """
        for method, pattern, respond in self._routes():
            found = re.fullmatch(pattern, request.path)
            if found and method == request.method:
                places = {key: unquote(value) for key, value in found.groupdict().items()}
                return respond(request, **places)
        raise StorageError(404, "notFound", f"Not Found: {request.method} {request.path}")

    def _routes(self) -> list[tuple[str, str, Callable[..., Answer]]]:
        return [
            ("POST", _UPLOAD, self._upload),
            ("PUT", _UPLOAD, self._upload),
            ("GET", rf"(?:/download)?{_API}{_OBJECT}", self._get_object),
            ("PATCH", rf"{_API}{_OBJECT}", self._patch_object),
            ("DELETE", rf"{_API}{_OBJECT}", self._delete_object),
            ("POST", rf"{_API}{_COPY}", self._rewrite),
            ("GET", rf"{_BUCKET}/o", self._list),
            ("GET", rf"{_BUCKET}/iam/testPermissions", self._permissions),
            ("GET", _BUCKET, self._get_bucket),
            ("DELETE", _BUCKET, self._delete_bucket),
            ("GET", f"{_API}/b", self._list_buckets),
            ("POST", f"{_API}/b", self._create_bucket),
        ]

    def _create_bucket(self, request: Request) -> Answer:
        name = request.json()["name"]
        self.buckets.create(name)
        return json_answer(bucket_resource(name))

    def _get_bucket(self, _: Request, bucket: str) -> Answer:
        self.buckets.check(bucket)
        return json_answer(bucket_resource(bucket))

    def _delete_bucket(self, _: Request, bucket: str) -> Answer:
        self.buckets.remove(bucket)
        return Answer(204)

    def _list_buckets(self, _: Request) -> Answer:
        names = self.buckets.names()
        return json_answer(
            {"kind": "storage#buckets", "items": [bucket_resource(n) for n in names]}
        )

    def _permissions(self, request: Request, bucket: str) -> Answer:
        self.buckets.check(bucket)
        return json_answer({"permissions": request.all("permissions")})

    def _list(self, request: Request, bucket: str) -> Answer:
        page = page_of(*self.buckets.all(bucket), request.query)
        listing: dict[str, Any] = {"kind": "storage#objects"}
        if page.objects:
            listing["items"] = [self._resource(bucket, stored) for stored in page.objects]
        if page.prefixes:
            listing["prefixes"] = page.prefixes
        if page.token:
            listing["nextPageToken"] = page.token
        return json_answer(listing)

    def _get_object(self, request: Request, bucket: str, name: str) -> Answer:
        stored = self.buckets.get(bucket, name, request.query)
        if request.query.get("alt") != "media":
            return json_answer(self._resource(bucket, stored))
        return media_answer(stored, request.headers.get("Range"))

    def _patch_object(self, request: Request, bucket: str, name: str) -> Answer:
        changed = self.buckets.describe(bucket, name, request.json(), request.query)
        return json_answer(self._resource(bucket, changed))

    def _delete_object(self, request: Request, bucket: str, name: str) -> Answer:
        self.buckets.delete(bucket, name, request.query)
        return Answer(204)

    def _rewrite(
        self, request: Request, bucket: str, name: str, to_bucket: str, to_name: str
    ) -> Answer:
        source = self.buckets.get(bucket, name, {})
        description = {**source.description, **request.json()}
        copied = self.buckets.put(to_bucket, to_name, source.content, description, request.query)
        resource = self._resource(to_bucket, copied)
        if "/copyTo/" in request.path:
            return json_answer(resource)
        size = str(len(source.content))
        return json_answer(
            {
                "kind": "storage#rewriteResponse",
                "totalBytesRewritten": size,
                "objectSize": size,
                "done": True,
                "resource": resource,
            }
        )

    def _upload(self, request: Request, bucket: str) -> Answer:
        self.buckets.check(bucket)
        if "upload_id" in request.query:
            return self._resume(request)
        way = request.query.get("uploadType")
        if way == "resumable":
            return self._begin(request, bucket)
        if not request.is_whole:
            raise ConnectionAbortedError
        if way == "multipart":
            description, content = split_multipart(request.headers["Content-Type"], request.body)
        else:
            description = {"contentType": request.headers.get("Content-Type")}
            content = request.body
        name = description.pop("name", None) or request.query["name"]
        stored = self.buckets.put(bucket, name, content, description, request.query)
        return json_answer(self._resource(bucket, stored))

    def _begin(self, request: Request, bucket: str) -> Answer:
        description = {"name": request.query.get("name"), **request.json()}
        if told := request.headers.get("X-Upload-Content-Type"):
            description.setdefault("contentType", told)
        upload_id = self._sessions.begin(Session(bucket, description, request.query))
        place = f"{self._url}/upload/storage/v1/b/{quote(bucket)}/o"
        location = f"{place}?uploadType=resumable&upload_id={upload_id}"
        return Answer(200, headers={"Location": location, "X-GUploader-UploadID": upload_id})

    def _resume(self, request: Request) -> Answer:
        session = self._sessions.find(request.query["upload_id"])
        content_range = request.headers.get("Content-Range", "")
        done = session.receive(content_range, request.body, is_whole=request.is_whole)
        if not request.is_whole:
            raise ConnectionAbortedError
        if not done:
            end = len(session.received) - 1
            return Answer(308, headers={"Range": f"bytes=0-{end}"} if end >= 0 else {})
        return json_answer(self._resource(session.bucket, self._finish(session)))

    def _finish(self, session: Session) -> StoredObject:
        if session.stored is None:
            description = dict(session.description)
            name = description.pop("name")
            session.stored = self.buckets.put(
                session.bucket, name, bytes(session.received), description, session.conditions
            )
        return session.stored

    def _resource(self, bucket: str, stored: StoredObject) -> dict[str, Any]:
        place = f"/b/{quote(bucket)}/o/{quote(stored.name, safe='')}"
        media = f"{self._url}/download/storage/v1{place}?generation={stored.generation}&alt=media"
        return {
            **object_resource(bucket, stored),
            "selfLink": f"{self._url}/storage/v1{place}",
            "mediaLink": media,
        }
