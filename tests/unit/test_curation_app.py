"""While the App starts, whatever answers on its port is waited out."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from threading import Thread

import pytest

from utils.curation.app import answers


@pytest.fixture
def nonsense() -> Iterator[int]:
    """A port on which something answers that is not HTTP."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"nonsense\r\n\r\n")

        thread = Thread(target=answer)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


def test_what_is_not_http_is_not_ready(nonsense: int) -> None:
    assert not answers(nonsense)
