"""uvicorn's HTTP protocol with limits on headers, and with every answer as JSON.

uvicorn waits for ever for the headers of a request, and takes any number of them.
"""

from __future__ import annotations

import json
from asyncio import TimerHandle
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_MOST_HEADER_BYTES = 64 << 10
# An answer before the end of a body reaches the client only if the body is still read for a while.
_MOST_PASSED_OVER = 64 << 20


def guarded_protocol(header_seconds: float) -> type[HttpToolsProtocol]:
    """A protocol that closes connections whose headers take longer than some seconds."""
    return type("GuardedProtocol", (_GuardedProtocol,), {"header_seconds": header_seconds})


class _GuardedProtocol(HttpToolsProtocol):
    header_seconds = 10.0

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._timer: TimerHandle | None = None
        self._header_bytes = 0
        self._passed_over = 0
        self._has_headers = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._has_headers:
            if self._timer is None:
                self._arm()
            self._header_bytes += len(data)
        elif self.cycle is not None and self.cycle.response_complete:
            self._passed_over += len(data)
            if self._passed_over > _MOST_PASSED_OVER:
                self.transport.close()
                return
        super().data_received(data)
        if not self._has_headers and self._header_bytes > _MOST_HEADER_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "The headers are too long.")

    def on_headers_complete(self) -> None:
        self._disarm()
        self._has_headers = True
        self._passed_over = 0
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._has_headers = False
        self._header_bytes = 0

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        self._refuse(HTTPStatus.BAD_REQUEST, "The request is no valid HTTP.")

    def _arm(self) -> None:
        self._timer = self.loop.call_later(self.header_seconds, self._too_slow)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, "The headers of the request took too long.")

    def _refuse(self, status: HTTPStatus, sentence: str) -> None:
        if self.transport.is_closing():
            return
        body = json.dumps({"error": sentence}).encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()
