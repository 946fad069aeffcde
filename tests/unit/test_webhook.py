"""Whoever reaches the webhook's port can wake the watch, and do nothing else to it."""

from __future__ import annotations

import socket
from urllib.parse import urlsplit

import pytest

from commands.retraining.webhook import listening
from utils.errors import ServerError


def post(address: str, length: str) -> bytes:
    """The first bytes of the answer to a call that keeps its connection open."""
    url = urlsplit(address)
    with socket.create_connection((url.hostname, url.port), timeout=10) as connection:
        call = f"POST {url.path} HTTP/1.1\r\nHost: here\r\nContent-Length: {length}\r\n\r\n"
        connection.sendall(call.encode())
        return connection.recv(64)


@pytest.mark.parametrize("length", ["0", "-1", "many"])
def test_a_call_wakes_at_once_whatever_it_says_of_its_length(length: str) -> None:
    with listening("127.0.0.1", 0) as (address, woken):
        assert post(address, length).startswith(b"HTTP/1.0 204")
        assert woken.is_set()


def test_a_second_watch_on_this_machine_listens_on_another_port() -> None:
    with listening("127.0.0.1", 0) as (first, _):
        port = urlsplit(first).port or 0
        with pytest.raises(ServerError, match=str(port)), listening("127.0.0.1", port):
            pass
        with listening("127.0.0.1", port, or_any=True) as (second, woken):
            assert second != first
            assert post(second, "0").startswith(b"HTTP/1.0 204")
            assert woken.is_set()
