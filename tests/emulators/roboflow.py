"""Roboflow's interface to exports of datasets: progress, the address of a zip, and its bytes."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

KEY = "rf_s3cret"
LINK_KEY = "l1nk_s3cret"


@dataclass
class Roboflow:
    """A server with exports.

    Attributes:
        exports: Bytes of the zip of each `workspace/project/version/format`.
        url: Its address.
        progress: Shares answered while it makes an export, first to last.
        cuts: Number of bytes after which downloads break off, first to last.
        requests: Paths asked for, with the range of each download.
        address: Part of the address of downloads, which is another for an export made anew.
    """

    exports: dict[str, bytes]
    url: str = ""
    progress: list[float] = field(default_factory=list)
    cuts: list[int] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    address: str = ""


@contextmanager
def running(roboflow: Roboflow) -> Iterator[Roboflow]:
    """Answer on a free port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            place, query = address.path.strip("/"), parse_qs(address.query)
            roboflow.requests.append(f"{place} {self.headers.get('Range', '')}".strip())
            if place.startswith("ds"):
                self._send_zip(place.partition("/")[2], query)
            elif query.get("api_key") != [KEY]:
                self._say(401, {"error": {"message": "This API key does not exist."}})
            elif place not in roboflow.exports:
                self._say(404, {"error": {"message": "not found"}})
            elif roboflow.progress:
                self._say(202, {"progress": roboflow.progress.pop(0)})
            else:
                link = f"{roboflow.url}/ds{roboflow.address}/{place}?key={LINK_KEY}"
                self._say(200, {"export": {"format": place.split("/")[-1], "link": link}})

        def _say(self, status: int, content: dict[str, object]) -> None:
            body = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _send_zip(self, place: str, query: dict[str, list[str]]) -> None:
            if query.get("key") != [LINK_KEY]:
                self._say(403, {})
                return
            content = roboflow.exports[place]
            first = int(self.headers.get("Range", "bytes=0-")[6:-1])
            if first >= len(content) > 0:
                self._say(416, {})
                return
            rest = content[first:]
            self.send_response(206 if first else 200)
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            self.wfile.write(rest[: roboflow.cuts.pop(0)] if roboflow.cuts else rest)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    roboflow.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield roboflow
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
