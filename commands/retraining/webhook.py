"""Label Studio says when somebody has worked on a task."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from httpx import HTTPError

from utils.annotation.label_studio.connection import ask, explained, url_of
from utils.annotation.label_studio.project import Project
from utils.errors import ServerError

if TYPE_CHECKING:
    from label_studio_sdk import LabelStudio

PATH = "/label-studio"
_ACTIONS = ["ANNOTATION_CREATED", "ANNOTATION_UPDATED", "ANNOTATIONS_CREATED"]
_MOST_BYTES = 1 << 20
_PATIENCE_S = 10.0  # a caller that stops talking holds a thread no longer


@contextmanager
def listening(host: str, port: int) -> Iterator[tuple[str, threading.Event]]:
    """Listen for calls within a block.

    A call only wakes whoever waits; nothing in it is read or believed.

    Args:
        host: Address to listen on.
        port: 0 for any that is free.

    Yields:
        Where the listener is called, and what each call sets.

    Raises:
        ServerError: If the port is taken.
    """
    woken = threading.Event()

    class Listener(BaseHTTPRequestHandler):
        timeout = _PATIENCE_S

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            self.rfile.read(min(int(length), _MOST_BYTES) if length.isdecimal() else 0)
            woken.set()
            self.send_response(HTTPStatus.NO_CONTENT)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing: calls are not worth a line each."""

    try:
        server = ThreadingHTTPServer((host, port), Listener)
    except OSError as error:
        raise ServerError(
            f"The webhook cannot listen on {host}:{port} ({error.strerror}). Name another port "
            "under webhook in the configuration, or stop the other program."
        ) from error
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{host}:{server.server_port}{PATH}", woken
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def registered(client: LabelStudio, project: Project, address: str) -> Iterator[None]:
    """Have Label Studio call an address whenever somebody submits or updates, within a block.

    One that is there already, as after a kill, is used again.

    Args:
        client: From `connect`.
        project: From `open_project`.
        address: As the Label Studio server reaches it.

    Raises:
        LabelStudioError: If the server refuses.
    """
    body = {
        "url": address,
        "project": project.id,
        "send_payload": False,
        "send_for_all_actions": False,
        "actions": _ACTIONS,
        "is_active": True,
    }
    with explained(url_of(client), "Registering the webhook"):
        there = ask(client, "GET", "api/webhooks/", params={"project": project.id})
        same = [hook["id"] for hook in there if hook["url"] == address]
        number = same[0] if same else ask(client, "POST", "api/webhooks/", json=body)["id"]
    try:
        yield
    finally:
        # The answer to a DELETE has no content, which `ask` would take for a fault; and a server
        # that is gone calls nobody.
        http = client._client_wrapper.httpx_client
        with suppress(HTTPError):
            http.request(f"api/webhooks/{number}/", method="DELETE")
