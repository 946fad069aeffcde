"""Images of Label Studio's tasks, fetched from the one server that the service was told of."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urljoin, urlsplit
from urllib.request import HTTPRedirectHandler, OpenerDirector, ProxyHandler, Request, build_opener
from uuid import uuid4

from utils.serving.service.refusals import Refused
from utils.serving.service.uploads import full_disk_refused

_IMAGE_KEY = "image"  # as the projects of Spyglass have it
_SECONDS = 60.0
_AT_ONCE = 1 << 18
_BUCKETS = ("gs", "s3", "azure-blob")


class _NoRedirects(HTTPRedirectHandler):
    """A redirect could lead anywhere."""

    def redirect_request(self, *_: Any) -> None:
        return None


class TaskImages:
    """The images of one Label Studio."""

    def __init__(self, address: str, token: str) -> None:
        """Nothing is sent yet.

        Args:
            address: Address of Label Studio; empty for none.
            token: A legacy token, or a personal access token (a JWT).
        """
        self._address = f"{address.rstrip('/')}/" if address else ""
        self._token = token

    def fetch(self, task: Mapping[str, Any], folder: Path, most_bytes: int) -> Path:
        """Copy the image of a task into a folder.

        Args:
            task: A task as Label Studio sends it, with `id` and `data`.
            folder: Folder of the copy, which the caller deletes.
            most_bytes: Largest image.

        Raises:
            Refused: If the image is not one of this Label Studio, or cannot be fetched.
        """
        address = self._address_of(task)
        opener = build_opener(_NoRedirects, *self._proxies())
        path = folder / uuid4().hex
        try:
            asked = Request(address, headers=self._headers(opener))  # noqa: S310 - checked above
            with opener.open(asked, timeout=_SECONDS) as answer, full_disk_refused():
                _copy(answer, path, most_bytes)
        except HTTPError as error:
            path.unlink(missing_ok=True)
            raise Refused(
                502,
                f"Label Studio does not give the image of the task (status {error.code}). Give the "
                "service a token of somebody who sees the project.",
            ) from None
        except (URLError, OSError, ValueError):
            path.unlink(missing_ok=True)
            raise Refused(502, "Label Studio does not answer at its address.") from None
        except Refused:
            path.unlink(missing_ok=True)
            raise
        return path

    def _address_of(self, task: Mapping[str, Any]) -> str:
        """The address of the image of a task, always on the server that the service was told of."""
        if not self._address:
            raise Refused(
                422,
                "The service does not know Label Studio's address: start it with --label-studio.",
            )
        data = task.get("data")
        told = data.get(_IMAGE_KEY) if isinstance(data, dict) else None
        if not isinstance(told, str) or not told:
            raise Refused(422, f"The task has no '{_IMAGE_KEY}'.")
        if urlsplit(told).scheme in _BUCKETS:
            name = base64.urlsafe_b64encode(told.encode()).decode()
            return urljoin(self._address, f"tasks/{int(task['id'])}/resolve/?fileuri={name}")
        own = urlsplit(self._address)
        address = urljoin(self._address, told)
        found = urlsplit(address)
        if (found.scheme, found.netloc) != (own.scheme, own.netloc):
            raise Refused(403, "The image of the task is not on the Label Studio of the service.")
        return address

    def _proxies(self) -> list[ProxyHandler]:
        host = urlsplit(self._address).hostname or ""
        # A proxy from the environment could not reach a server on this machine.
        return [ProxyHandler({})] if host in ("127.0.0.1", "localhost", "::1") else []

    def _headers(self, opener: OpenerDirector) -> dict[str, str]:
        if self._token.count(".") != 2:
            return {"Authorization": f"Token {self._token}"}
        body = json.dumps({"refresh": self._token}).encode()
        asked = Request(  # noqa: S310
            urljoin(self._address, "api/token/refresh"),
            body,
            {"Content-Type": "application/json"},
        )
        with opener.open(asked, timeout=_SECONDS) as answer:
            access = json.load(answer)["access"]
        return {"Authorization": f"Bearer {access}"}


def _copy(answer: Any, path: Path, most_bytes: int) -> None:
    total = 0
    with path.open("xb") as file:
        while part := answer.read(_AT_ONCE):
            total += len(part)
            if total > most_bytes:
                raise Refused(413, f"The image of the task has more than {most_bytes:,} bytes.")
            file.write(part)
