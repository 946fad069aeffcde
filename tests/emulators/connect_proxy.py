"""A proxy that takes Google's host names to servers on this machine."""

from __future__ import annotations

import fnmatch
import socket
from contextlib import suppress
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Lock, Thread

_CHUNK = 65536


class ConnectProxy(ThreadingTCPServer):
    """Answers CONNECT: hosts in the table are tunnelled to a local port, all others get 502.

    Attributes:
        asked: Every `host:port` that was asked for, in order.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Tunnel)
        self.asked: list[str] = []
        self._routes: dict[str, int] = {}
        self._lock = Lock()
        Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        """The proxy's address, for `https_proxy`."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def route(self, hosts: str, port: int) -> None:
        """Take the hosts that match `hosts`, such as `*.pkg.dev`, to a port of this machine.

        The latest route that matches a host counts.
        """
        with self._lock:
            self._routes.pop(hosts, None)
            self._routes[hosts] = port

    def target(self, authority: str) -> int | None:
        """The local port that stands for `host:port`, None where nothing does."""
        host = authority.rpartition(":")[0]
        with self._lock:
            self.asked.append(authority)
            found = [port for hosts, port in self._routes.items() if fnmatch.fnmatch(host, hosts)]
        return found[-1] if found else None

    def stop(self) -> None:
        """Take no more connections."""
        self.shutdown()
        self.server_close()


class _Tunnel(StreamRequestHandler):
    server: ConnectProxy

    def handle(self) -> None:
        method, _, rest = self.rfile.readline().decode("latin-1").partition(" ")
        while self.rfile.readline() not in {b"\r\n", b"\n", b""}:
            pass
        port = self.server.target(rest.split(" ")[0]) if method == "CONNECT" else None
        if port is None:
            self.wfile.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
            return
        with socket.create_connection(("127.0.0.1", port)) as inner:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            back = Thread(target=_pump, args=(inner, self.connection), daemon=True)
            back.start()
            _pump(self.connection, inner)
            back.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):  # either side may hang up at any moment
        while chunk := source.recv(_CHUNK):
            sink.sendall(chunk)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
