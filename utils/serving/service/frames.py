"""Messages between the front and its workers: a JSON header and some bytes, over a socket pair."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from typing import Any

Header = dict[str, Any]
Frame = tuple[Header, bytes]

# Raised when messages change: a front may start a worker with the code of another version.
PROTOCOL = 1
_LENGTHS = struct.Struct("!IQ")


def packed(header: Header, body: bytes = b"") -> bytes:
    """A message as bytes: both lengths, the header as JSON, the body."""
    head = json.dumps(header).encode()
    return _LENGTHS.pack(len(head), len(body)) + head + body


def receive(connection: socket.socket) -> Frame | None:
    """Wait for the next message; None when the other side has closed."""
    lengths = _exactly(connection, _LENGTHS.size)
    if lengths is None:
        return None
    header_length, body_length = _LENGTHS.unpack(lengths)
    header = _exactly(connection, header_length)
    body = _exactly(connection, body_length)
    return None if header is None or body is None else (json.loads(header), body)


async def receive_async(reader: asyncio.StreamReader) -> Frame | None:
    """The same without blocking."""
    try:
        header_length, body_length = _LENGTHS.unpack(await reader.readexactly(_LENGTHS.size))
        header = json.loads(await reader.readexactly(header_length))
        return header, await reader.readexactly(body_length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return None


def _exactly(connection: socket.socket, count: int) -> bytes | None:
    parts: list[bytes] = []
    while count:
        try:
            part = connection.recv(min(count, 1 << 20))
        except ConnectionError:
            return None
        if not part:
            return None
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
