"""The watch on the wire sees what would leave this machine, and lets pass what would not."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.fixtures.wire import Wire

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the watch is preloaded by ld.so")


@pytest.fixture
def watch(wire: Wire, tmp_path: Path) -> Wire:
    """The watch with a log of its own."""
    return replace(wire, log=tmp_path / "wire.log")


def _attempts(watch: Wire, code: str) -> list[str]:
    program = f"import contextlib, socket\nwith contextlib.suppress(OSError):\n    {code}"
    subprocess.run([sys.executable, "-c", program], env=watch.environment, check=True)
    return [attempt.partition(" by ")[0] for attempt in watch.attempts]


@pytest.mark.parametrize(
    ("code", "attempt"),
    [
        ("socket.getaddrinfo('example.org', 80)", "look-up example.org"),
        ("socket.gethostbyname('example.org')", "look-up example.org"),
        ("socket.create_connection(('192.0.2.1', 80), 1)", "connection 192.0.2.1 port 80"),
        (
            "socket.socket(socket.AF_INET6).connect(('2001:db8::1', 443))",
            "connection 2001:db8::1 port 443",
        ),
        (
            "socket.socket(type=socket.SOCK_DGRAM).sendto(b'?', ('192.0.2.1', 53))",
            "connection 192.0.2.1 port 53",
        ),
        (
            "socket.socket(type=socket.SOCK_DGRAM).sendmsg([b'?'], [], 0, ('192.0.2.1', 53))",
            "connection 192.0.2.1 port 53",
        ),
    ],
)
def test_what_would_leave_this_machine_is_seen(watch: Wire, code: str, attempt: str) -> None:
    assert _attempts(watch, code) == [attempt]


@pytest.mark.parametrize(
    "code",
    [
        "socket.getaddrinfo('localhost', 80)",
        "socket.gethostbyname(socket.gethostname())",
        "socket.create_connection(('127.0.0.1', 1), 1)",
        "socket.socket(socket.AF_INET6).connect(('::1', 1))",
        "socket.socketpair()[0].send(b'?')",
    ],
)
def test_what_stays_on_this_machine_is_not(watch: Wire, code: str) -> None:
    assert _attempts(watch, code) == []
