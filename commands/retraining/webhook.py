"""The listener that Label Studio calls when somebody has worked on a task."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EADDRINUSE
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from utils.errors import ServerError

PATH = "/label-studio"
_MOST_BYTES = 1 << 20  # nobody can fill the memory: the listener asks for no password
_PATIENCE_S = 10.0  # a caller that stops talking holds a thread no longer


@contextmanager
def listening(
    host: str, port: int, *, or_any: bool = False
) -> Iterator[tuple[str, threading.Event]]:
    """Listen for calls within a block.

    A call only wakes the watch; nothing in it is read or believed.

    Args:
        host: Address to listen on.
        port: Port to listen on; 0 for any free port.
        or_any: Whether any free port will do where that one is taken, as by the watch of another
            project.

    Yields:
        The address of the listener, and the event that each call sets.

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
        server = _server(host, port, Listener, or_any=or_any)
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


def _server(
    host: str, port: int, listener: type[BaseHTTPRequestHandler], *, or_any: bool
) -> ThreadingHTTPServer:
    try:
        return ThreadingHTTPServer((host, port), listener)
    except OSError as error:
        if not (or_any and error.errno == EADDRINUSE):
            raise
        return ThreadingHTTPServer((host, 0), listener)
