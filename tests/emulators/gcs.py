"""Google Cloud Storage on this machine: in memory, and as strict as Google about its API."""

from __future__ import annotations

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

from tests.emulators.gcs_api import StorageApi
from tests.emulators.gcs_faults import Faults
from tests.emulators.gcs_messages import Answer, Request, refusal
from tests.emulators.gcs_objects import Buckets, StorageError


class GoogleStorage(ThreadingHTTPServer):
    """The server.

    Attributes:
        faults: Faults to inject.
        requests: Every request so far, as "METHOD path?query".
    """

    daemon_threads = True
    request_queue_size = 256

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.faults = Faults()
        self.requests: list[str] = []
        self._api = StorageApi(self.url)
        Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        """The server's address, for `STORAGE_EMULATOR_HOST`."""
        return f"http://127.0.0.1:{self.server_port}"

    @property
    def buckets(self) -> Buckets:
        """The stored buckets."""
        return self._api.buckets

    def answer(self, request: Request) -> Answer:
        """Google's answer, or the fault that waits."""
        try:
            self.faults.meet(request.method, request.path)
            return self._api.answer(request)
        except StorageError as error:
            return refusal(error)

    def stop(self) -> None:
        """Take no more connections."""
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: GoogleStorage
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one packet for headers and body

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self.server.requests.append(f"{self.command} {self.path}")
        body, is_whole = self._read_body()
        request = Request(self.command, url.path, url.query, self.headers, body, is_whole)
        try:
            self._send(self.server.answer(request))
        except ConnectionError:  # the client hung up, or has to believe that we did
            self.close_connection = True

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Be quiet."""

    def _read_body(self) -> tuple[bytes, bool]:
        """The body, and whether all of it was taken."""
        if self.headers.get("Transfer-Encoding") == "chunked":
            return b"".join(self._chunks()), True
        size = int(self.headers.get("Content-Length", 0))
        if self._carries_object() and self.server.faults.cuts("upload"):
            return self.rfile.read(size // 2), False
        return self.rfile.read(size), True

    def _carries_object(self) -> bool:
        is_start = "uploadType=resumable" in self.path and "upload_id" not in self.path
        return "/upload/" in self.path and not is_start

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        is_media = "alt=media" in self.path and answer.status in {200, 206}
        if is_media and self.server.faults.cuts("download"):
            self.wfile.write(answer.body[: len(answer.body) // 2])
            raise ConnectionAbortedError
        self.wfile.write(answer.body)
