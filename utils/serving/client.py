"""A client of the service that needs the standard library only.

from utils.serving import Client

client = Client("http://127.0.0.1:8080")
for one in client.predict("harbour.jpg")["objects"]:
    print(one["class"], one["score"], one["box"])
scene = client.scene("coast.tif")
for one in client.stream(scene):
    print(one)
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from utils.errors import ServiceError

_BUSY = (429, 503)
_LONGEST_PAUSE = 30.0  # seconds
_FIRST_PAUSE = 0.1
_AT_ONCE = 1 << 16

Image = str | os.PathLike[str] | bytes


class Client:
    """A service at an address.

    A request is sent again when the service is busy (429 or 503) or the connection is closed: a
    prediction changes nothing.

    Attributes:
        token: Its token, or None.
    """

    def __init__(
        self, address: str, token: str | None = None, *, seconds: float = 300.0, attempts: int = 8
    ) -> None:
        """Nothing is sent yet.

        Args:
            address: Address of the service, such as "http://127.0.0.1:8080".
            token: Its token, if it asks for one.
            seconds: Longest time without an answer.
            attempts: Number of times that a request is sent at most.
        """
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"'{address}' is no address such as http://127.0.0.1:8080")
        self._parts = parts
        self.token = token
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._seconds = seconds
        self._attempts = attempts

    @property
    def url(self) -> str:
        """The address of the service, without a slash at its end."""
        return self._parts.geturl().rstrip("/")

    def predict(
        self,
        image: Image,
        *,
        confidence: float | None = None,
        classes: Sequence[str] = (),
        tile_size: int | None = None,
    ) -> dict[str, Any]:
        """Find the objects of an image.

        Args:
            image: File, or content of one.
            confidence: Minimum score; by default the bundle's.
            classes: Names of the classes to keep; by default all.
            tile_size: Side of the windows of a larger image, in pixels; by default the bundle's.

        Returns:
            The answer of `POST /predict`, with `objects`.

        Raises:
            ServiceError: If the service refuses the image or does not answer.
        """
        path = f"/predict{_query(confidence, classes, tile_size)}"
        return self._json("POST", path, image)

    def scene(
        self,
        image: Image | None = None,
        *,
        address: str = "",
        confidence: float | None = None,
        classes: Sequence[str] = (),
        tile_size: int | None = None,
    ) -> str:
        """Have a scene of any size predicted; a file is sent as it is read.

        Args:
            image: File, or content of one.
            address: In its place, the address of a file that the service may read.
            confidence: As for `predict`.
            classes: As for `predict`.
            tile_size: As for `predict`.

        Returns:
            The id of the scene.

        Raises:
            ServiceError: If the service refuses the scene or does not answer.
        """
        path = f"/scenes{_query(confidence, classes, tile_size)}"
        if image is None:
            body = json.dumps({"address": address}).encode()
            answer = self._json("POST", path, body, {"Content-Type": "application/json"})
        else:
            answer = self._json("POST", path, image)
        return str(answer["id"])

    def state(self, scene: str) -> dict[str, Any]:
        """State and progress of a scene.

        Raises:
            ServiceError: If there is no such scene.
        """
        return self._json("GET", f"/scenes/{scene}")

    def states(self) -> list[dict[str, Any]]:
        """States and progress of all scenes.

        Raises:
            ServiceError: If the service does not answer.
        """
        scenes: list[dict[str, Any]] = self._json("GET", "/scenes")["scenes"]
        return scenes

    def cancel(self, scene: str) -> dict[str, Any]:
        """Stop a scene; what was found is kept.

        Raises:
            ServiceError: If it is over already.
        """
        return self._json("POST", f"/scenes/{scene}/cancel")

    def stream(self, scene: str) -> Iterator[dict[str, Any]]:
        """Yield the objects of a scene as they are found, each once, also if connections break.

        Raises:
            ServiceError: If the scene fails or is cancelled, or the service does not answer.
        """
        received, failures = 0, 0
        while True:
            before = received
            try:
                for line in self._lines(f"/scenes/{scene}/objects?skip={received}"):
                    received += 1
                    yield json.loads(line)
                return
            except (OSError, HTTPException):
                failures = 1 if received > before else failures + 1
            self._check_going_on(scene, failures)

    def model(self) -> dict[str, Any]:
        """Facts about the bundle in service.

        Raises:
            ServiceError: If the service is not ready.
        """
        return self._json("GET", "/model")

    def _check_going_on(self, scene: str, failures: int) -> None:
        """Wait before a broken stream is asked for again, unless the scene is over."""
        told = self.state(scene)
        if told["state"] in ("failed", "cancelled"):
            raise ServiceError(told.get("error") or f"The scene is {told['state']}.")
        if failures >= self._attempts:
            raise ServiceError("The stream of the scene breaks off again and again.")
        time.sleep(min(_FIRST_PAUSE * 2**failures, _LONGEST_PAUSE))

    def _lines(self, path: str) -> Iterator[bytes]:
        connection = self._connection()
        try:
            response = _sent(connection, "GET", path, None, self._headers)
            if response.status != 200:
                raise _error(response.status, response.read())
            begun = b""
            # Unlike iteration, `read1` fails if the connection is closed before the last part.
            while part := response.read1(_AT_ONCE):
                *lines, begun = (begun + part).split(b"\n")
                yield from lines
        finally:
            connection.close()

    def _json(
        self,
        method: str,
        path: str,
        body: Image | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        sent = {"Content-Type": "application/octet-stream"} if body is not None else {}
        sent |= {**self._headers, **(headers or {})}
        for attempt in range(1, self._attempts + 1):
            pause = min(_FIRST_PAUSE * 2**attempt, _LONGEST_PAUSE)
            try:
                status, after, content = self._ask(method, path, body, sent)
            except (OSError, HTTPException) as error:
                if isinstance(error, FileNotFoundError):  # the image, not the service
                    raise
                if attempt == self._attempts:
                    raise ServiceError(
                        f"The service at {self.url} does not answer ({type(error).__name__})."
                    ) from error
                time.sleep(pause)
                continue
            if status in _BUSY and attempt < self._attempts:
                time.sleep(max(min(after, _LONGEST_PAUSE), pause))
                continue
            if status >= 400:
                raise _error(status, content)
            answer: dict[str, Any] = json.loads(content)
            return answer
        raise AssertionError("unreachable")

    def _ask(
        self, method: str, path: str, body: Image | None, headers: Mapping[str, str]
    ) -> tuple[int, float, bytes]:
        """Ask once; returns status, seconds to wait before asking again, and content."""
        connection = self._connection()
        try:
            response = _sent(connection, method, path, body, headers)
            after = response.getheader("Retry-After", "0")
            return response.status, float(after), response.read()
        finally:
            connection.close()

    def _connection(self) -> HTTPConnection:
        kind = HTTPSConnection if self._parts.scheme == "https" else HTTPConnection
        return kind(self._parts.hostname or "", self._parts.port, timeout=self._seconds)


def _sent(
    connection: HTTPConnection,
    method: str,
    path: str,
    body: Image | None,
    headers: Mapping[str, str],
) -> HTTPResponse:
    if body is None or isinstance(body, bytes):
        connection.request(method, path, body, dict(headers))
        return connection.getresponse()
    with Path(body).open("rb") as stream:
        length = str(os.fstat(stream.fileno()).st_size)
        # An image that is refused before its end has an answer all the same.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            connection.request(method, path, stream, {**headers, "Content-Length": length})
        return connection.getresponse()


def _error(status: int, content: bytes) -> ServiceError:
    try:
        told = str(json.loads(content)["error"])
    except (ValueError, KeyError, TypeError):
        told = f"The service answered {status}."
    return ServiceError(told, status)


def _query(confidence: float | None, classes: Sequence[str], tile_size: int | None) -> str:
    given = {"confidence": confidence, "classes": ",".join(classes) or None, "tile_size": tile_size}
    chosen = {name: value for name, value in given.items() if value is not None}
    return f"?{urlencode(chosen)}" if chosen else ""
